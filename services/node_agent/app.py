"""Builds the agent: with `wiring`, the only place where its parts are constructed and connected.

`build` makes an agent on the real parts that `settings` name; tests give `Agent` other ports. Construction touches
nothing: `Agent.run` opens the ledger, loads scripts and accounts, and runs the jobs until it is cancelled; then it
disconnects the accounts, saves what they counted and closes the ledger, in this order.
"""

import asyncio
from dataclasses import dataclass

import structlog

from services.node_agent.domain.identity import Identity
from services.node_agent.domain.membership import Membership
from services.node_agent.jobs.counters import keep_counters
from services.node_agent.jobs.deadman_mark import DeadmanMark
from services.node_agent.settings import AgentSettings
from services.node_agent.store.database import Database
from services.node_agent.store.identity import begin_boot
from services.node_agent.use_cases.restore_stage import RestoreStage
from services.node_agent.use_cases.roster import Roster
from services.node_agent.wiring.accounts import crew_of, deadman_mark_of
from services.node_agent.wiring.beating import heartbeat
from services.node_agent.wiring.core import Core, Jobs, core_of
from services.node_agent.wiring.deliveries import applying
from services.node_agent.wiring.leasing import leasing
from services.node_agent.wiring.logins import Farewell, handing_over
from services.node_agent.wiring.ports import NodeSettings, Ports
from services.node_agent.wiring.real import node_settings, real_ports
from shared.clock import Clock
from shared.randomness import Randomness

log = structlog.get_logger(__name__)


class Agent:
    """One agent; see the module's docstring."""

    def __init__(self, settings: NodeSettings, ports: Ports) -> None:
        self._settings = settings
        self._ports = ports

    async def run(self) -> None:
        """Run until cancelled, or until a part fails. Raises LedgerAway when the ledger cannot be used."""
        database = Database(await self._ports.open_ledger())
        try:
            await database.prepare()
            identity = await begin_boot(database, self._ports.clock.now(), self._ports.randomness)
            log.info("agent_started", node=self._settings.node_id, boot=identity.boot)
            await _lived(_assembled(self._settings, self._ports, database, identity))
        finally:
            await database.close()
            await self._ports.close()


@dataclass(frozen=True)
class _Parts:
    """What one start of the agent consists of."""

    roster: Roster
    restore: RestoreStage
    mark: DeadmanMark
    farewell: Farewell
    jobs: Jobs


async def _lived(parts: _Parts) -> None:
    """From the look back to the last word."""
    try:
        await parts.mark.look_back()
        await parts.restore()
        await parts.roster.load()
        async with asyncio.TaskGroup() as group:
            for name, job in parts.jobs.items():
                group.create_task(job(), name=name)
    finally:
        try:
            await parts.farewell()
            await parts.mark.note()
        finally:
            await parts.roster.close()


def _assembled(settings: NodeSettings, ports: Ports, database: Database, identity: Identity) -> _Parts:
    core = core_of(settings, ports, database, identity)
    crew, mark = crew_of(core), deadman_mark_of(core)
    orders, applies = applying(core, crew)
    vault, hands_over, farewell = handing_over(core, crew)
    jobs: Jobs = {
        **leasing(core, crew, orders, vault),
        **applies,
        **hands_over,
        "deadman mark": mark.run,
        "crew": crew.run,
        "heartbeat": heartbeat(core, crew),
        "counters": lambda: keep_counters(core.roster, core.lived, ports.clock),
    }
    return _Parts(core.roster, _restore(core), mark, farewell, jobs)


def _restore(core: Core) -> RestoreStage:
    ports = core.ports
    return RestoreStage(core.deliveries, core.accounts, ports.files, core.stage, core.unsaid, ports.offload)


def build(settings: AgentSettings, membership: Membership, clock: Clock, randomness: Randomness) -> Agent:
    """The agent on real parts. Raises OSError or ValueError when the sandbox's key cannot be read."""
    return Agent(node_settings(settings, membership), real_ports(settings, membership, clock, randomness))
