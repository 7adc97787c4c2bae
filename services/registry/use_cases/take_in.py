"""The way of one report through its batch: in, committed, answered.

Whoever brings a report waits here until its batch is committed, so that a message is settled only after that; the
answers go out directly, each by its own waiter. Answers are best effort: a lost lease is repaired by the next beat.
"""

from collections.abc import Container, Sequence
from zlib import crc32

import structlog

from services.registry.domain.answers import Answers
from services.registry.domain.lease import Answer, Granted, Outcome, Recorded, Superseded, Unrecordable
from services.registry.domain.ports import Unwritable
from services.registry.use_cases.own_accounts import OwnAccounts
from shared.batching import Batcher
from shared.clock import Clock
from shared.contracts.accounts import AccountChanged
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.sessions import SessionChanged
from shared.messaging import Rejected

log = structlog.get_logger(__name__)

# Accounts a second whose counters are told to the event stream; above it they are left out, because nobody can
# watch so many numbers and the next beat brings newer ones. States are never left out: they take the outbox.
COUNTERS_PER_SECOND = 2_000


class TakeInHeartbeat:
    """Heartbeats, from the bus and over HTTP. One of a node that was cut off is dropped: it gets no lease.

    There are several batchers, so that one batch is parsed and encoded here while the database writes another. A
    node always goes to the same one: two batches never wait for each other's locks.
    """

    def __init__(
        self,
        batches: Sequence[Batcher[HeartbeatReported, Outcome]],
        answers: Answers,
        own_accounts: OwnAccounts,
        clock: Clock,
        cut_off: Container[str] = (),
    ) -> None:
        self._cut_off = cut_off
        self._batches = batches
        self._answers = answers
        self._own_accounts = own_accounts
        self._clock = clock
        self._second = 0.0
        self._told = 0

    async def from_bus(self, beat: HeartbeatReported) -> None:
        """Record the beat, then send its lease or refusal. Raises Unavailable, Rejected, or what failed."""
        if beat.node_id in self._cut_off:
            log.info("beat_of_a_revoked_node", node=beat.node_id)
            return
        outcome = await self._recorded(beat)
        if isinstance(outcome, Granted) and outcome.assign is not None:
            # Before the lease that names this set: the node would ask for it at once.
            await self._answers.assign(outcome.assign)
        if not isinstance(outcome, Superseded):
            await self._answers.answer(outcome)
        if isinstance(outcome, Granted) and outcome.wanted:
            await self._answers.want_sessions(outcome.wanted)
        if isinstance(outcome, Granted) and (missing := self._own_accounts.missing(beat)):
            await self._answers.name_own_accounts(missing)
        await self._tell_counters(beat.node_id, outcome)

    async def from_http(self, beat: HeartbeatReported) -> Answer:
        """Record the beat; the response is the answer. Raises as `from_bus`."""
        outcome = await self._recorded(beat)
        await self._tell_counters(beat.node_id, outcome)
        return outcome

    async def _recorded(self, beat: HeartbeatReported) -> Answer:
        batcher = self._batches[crc32(beat.node_id.encode()) % len(self._batches)]
        outcome = await batcher.submit(beat)
        if isinstance(outcome, Unrecordable):
            raise _told(outcome.error)
        return outcome

    async def _tell_counters(self, node_id: str, outcome: Answer) -> None:
        if isinstance(outcome, Granted) and outcome.counted and self._within_budget(len(outcome.counted)):
            await self._answers.tell_counters(node_id, outcome.counted)

    def _within_budget(self, accounts: int) -> bool:
        now = self._clock.monotonic()
        if now - self._second >= 1.0:
            self._second, self._told = now, 0
        # The first one of a second always goes, however large its node is.
        if self._told and self._told + accounts > COUNTERS_PER_SECOND:
            return False
        self._told += accounts
        return True


def _told(error: Exception) -> Exception:
    """Values that cannot be stored are the sender's mistake; anything else keeps its name and is tried again."""
    return Rejected(str(error)) if isinstance(error, Unwritable) else error


class TakeInSessionChange:
    """What the vault has, from the bus."""

    def __init__(self, batches: Batcher[SessionChanged, Recorded | Unrecordable]) -> None:
        self._batches = batches

    async def __call__(self, change: SessionChanged) -> None:
        """Record the change. Raises Unavailable, Rejected, or what failed."""
        outcome = await self._batches.submit(change)
        if isinstance(outcome, Unrecordable):
            raise _told(outcome.error)


class TakeInAccountChange:
    """Account changes from the bus."""

    def __init__(self, batches: Batcher[AccountChanged, Recorded | Unrecordable]) -> None:
        self._batches = batches

    async def __call__(self, change: AccountChanged) -> None:
        """Record the change. Raises Unavailable, Rejected, or what failed."""
        outcome = await self._batches.submit(change)
        if isinstance(outcome, Unrecordable):
            raise _told(outcome.error)
