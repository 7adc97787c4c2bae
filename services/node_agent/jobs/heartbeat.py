"""The heartbeat: every interval, spread by a tenth so that nodes do not beat together, and early when it matters.

A beat is built and published now or never: while the broker is away nothing is kept, because a late beat is
worthless; the next try comes after a short back-off. The time of sending is noted before publishing, so the lease is
counted from too early rather than too late. A refused node beats slowly: it is only refused again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from services.node_agent.domain.assignments import Assignments
from services.node_agent.domain.beats import Beats
from services.node_agent.domain.identity import Identity
from services.node_agent.domain.lease import Lease
from services.node_agent.domain.ports import HeldLogins
from services.node_agent.publisher import BusPublisher
from services.node_agent.use_cases.roster import Roster
from services.node_agent.use_cases.stage import Stage
from shared.alarm import Alarm
from shared.backoff import Backoff
from shared.clock import Clock
from shared.contracts.heartbeats import HeartbeatReported, NodeFacts, Resources
from shared.messaging import PublishFailed
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

JITTER = 0.1
# However much changes, a beat a second tells it.
LEAST_SECONDS = 1.0
REFUSED_FACTOR = 6

# An account that comes online makes the node beat: a thousand logins that are awaited would be asked for every second.
ASK_AGAIN_SHARE = 0.8

# Called after each beat with the error of its publishing, or None.
AfterBeat = Callable[[str | None], Awaitable[None]]


class Standing:
    """What a beat says of the node's set. A login is asked for at most every `seconds`, however often it beats."""

    def __init__(self, assignments: Assignments, logins: HeldLogins, seconds: float) -> None:
        self.assignments = assignments
        self._logins = logins
        self._seconds = seconds
        self._asked: dict[str, float] = {}

    def wanting(self, now: float) -> list[str]:
        """The accounts whose logins are asked for now."""
        # One of an earlier epoch is handed back before another can be taken.
        wanted = self.assignments.wanting(lambda account_id, epoch: account_id in self._logins)
        before, since = self._asked, now - self._seconds
        due = [each for each in wanted if before.get(each, since) <= since]
        self._asked = {each: before[each] for each in wanted if each in before} | dict.fromkeys(due, now)
        return due


@dataclass(frozen=True, slots=True)
class Told:
    """What a beat says of the node itself."""

    facts: NodeFacts
    resources: Resources | None


class HeartbeatWriter:
    """Makes heartbeats of what the node is now."""

    def __init__(
        self,
        node_id: str,
        told: Callable[[], Told],
        identity: Identity,
        beats: Beats,
        stage: Stage,
        roster: Roster,
        standing: Standing,
    ) -> None:
        self._node_id = node_id
        self._roster = roster
        self._told = told
        self._identity = identity
        self._beats = beats
        self._stage = stage
        self._standing = standing

    def next(self, clock: Clock) -> HeartbeatReported:
        """The next beat."""
        beat, told = self._beats.next(), self._told()
        return HeartbeatReported(
            node_id=self._node_id,
            boot=self._identity.boot,
            seq=beat.seq,
            ledger_id=self._identity.ledger_id,
            full=beat.full,
            base_digest=beat.base_digest,
            digest=beat.digest,
            account_count=beat.account_count,
            changed=list(beat.changed),
            removed=list(beat.removed),
            node=told.facts,
            resources=told.resources,
            artifacts=self._stage.artifacts(),
            own_accounts=self._roster.own_accounts,
            assignments=self._standing.assignments.named,
            released=self._standing.assignments.released(),
            wanting=self._standing.wanting(clock.monotonic()),
            sent_at=clock.now(),
        )


class HeartbeatJob:
    """Beats until cancelled. `alarm` forces a beat, at most one in `LEAST_SECONDS`."""

    def __init__(
        self, writer: HeartbeatWriter, lease: Lease, publisher: BusPublisher, alarm: Alarm, after_beat: AfterBeat
    ) -> None:
        self._writer = writer
        self._lease = lease
        self._publisher = publisher
        self._alarm = alarm
        self._after_beat = after_beat

    async def run(self, seconds: float, clock: Clock, randomness: Randomness) -> None:
        """Beat every `seconds`."""
        backoff, failures = Backoff(first=1.0, most=max(seconds, 1.0)), 0
        while True:
            began = clock.monotonic()
            error = await self._beat(clock)
            await self._after_beat(error)
            if error is not None:
                if failures == 0:
                    log.warning("heartbeat_not_sent", reason=error)
                await clock.sleep(backoff.delay(failures, randomness))
                failures += 1
                continue
            failures = 0
            pause = seconds * randomness.uniform(1 - JITTER, 1 + JITTER)
            if self._lease.refusal is not None:
                await clock.sleep(pause * REFUSED_FACTOR)
                continue
            await self._alarm.wait(max(0.0, began + pause - clock.monotonic()))
            early = began + min(LEAST_SECONDS, seconds) - clock.monotonic()
            if early > 0:
                await clock.sleep(early)

    async def _beat(self, clock: Clock) -> str | None:
        heartbeat = self._writer.next(clock)
        self._lease.beat_sent(heartbeat.seq, clock.monotonic())
        try:
            await self._publisher.heartbeat(heartbeat)
        except PublishFailed as error:
            return str(error)
        return None
