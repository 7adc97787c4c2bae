"""The heartbeat, and the status that it leaves on the machine."""

import os

from services.node_agent.jobs.crew import Crew
from services.node_agent.jobs.heartbeat import (
    ASK_AGAIN_SHARE,
    AfterBeat,
    HeartbeatJob,
    HeartbeatWriter,
    Standing,
    Told,
)
from services.node_agent.store.status_file import Status
from services.node_agent.wiring.core import Core, Job


def heartbeat(core: Core, crew: Crew) -> Job:
    """The job that beats."""
    settings, ports = core.settings, core.ports
    standing = Standing(core.assignments, ports.logins, settings.heartbeat_seconds * ASK_AGAIN_SHARE)

    def told() -> Told:
        return Told(ports.trust.told_in(settings.facts), ports.resources())

    writer = HeartbeatWriter(settings.node_id, told, core.identity, core.beats, core.stage, core.roster, standing)
    job = HeartbeatJob(writer, core.lease, core.publisher, core.beat, _status_after_beat(core))

    async def beat() -> None:
        # A full report of a ledger that is new would say that there are no accounts, and they would be taken from it.
        await crew.looked.wait()
        await job.run(settings.heartbeat_seconds, ports.clock, ports.randomness)

    return beat


def _status_after_beat(core: Core) -> AfterBeat:
    settings, ports, lease = core.settings, core.ports, core.lease

    async def after_beat(error: str | None) -> None:
        running = lease.may_run(ports.clock.monotonic())
        status = Status(
            node_id=settings.node_id,
            at=ports.clock.now().isoformat(),
            beat_seconds=settings.heartbeat_seconds,
            transport=settings.transport,
            version=settings.facts.agent_version,
            pid=os.getpid(),
            broker=error or "connected",
            lease="refused" if lease.refusal else "valid" if running else "none",
            accounts=core.roster.counted(),
        )
        # A disk that takes its time must not hold up everybody else.
        await ports.offload(ports.status.write, status)

    return after_beat
