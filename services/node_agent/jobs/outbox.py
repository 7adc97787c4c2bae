"""The outboxes of the ledger: delivery reports, account changes, sign-ins, and logins that are handed back.

Reports are deleted when the broker has confirmed them. Account changes are kept until the registry itself confirms
them in a lease, because a broker may lose its disk: changes that a lease still does not have two beats after they
were sent are sent again. Logins are kept until the vault says that it has them, and sent again with a growing pause.
All are emptied by a `Drain`, which waits while broker or ledger is away.
"""

from collections import OrderedDict

import structlog

from services.node_agent.domain.logins import PendingState
from services.node_agent.domain.ports import (
    AccountLedger,
    DeliveryLedger,
    HandedBackLedger,
    Publisher,
    SignInLedger,
)
from shared.backoff import Backoff
from shared.clock import Clock
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

BATCH = 100
PATIENCE_BEATS = 2.0
# A vault that is down for the night is not sent every login again each minute.
STORED_WITHIN = Backoff(first=20.0, factor=2.0, most=600.0, jitter=0.2)
# A hundred logins a second fill no queue and no line.
LOGINS_AT_ONCE, LOGINS_PAUSE = 20, 0.2


class ReportOutbox:
    """Delivery reports."""

    def __init__(self, ledger: DeliveryLedger, publisher: Publisher) -> None:
        self._ledger = ledger
        self._publisher = publisher

    async def send_some(self) -> bool:
        """Publish what is there; whether anything was. Raises PublishFailed or LedgerAway."""
        pending = await self._ledger.pending_reports(BATCH)
        for each in pending:
            await self._publisher.delivery_reported(each)
            await self._ledger.forget_report(each.message_id)
        return bool(pending)


class ChangeOutbox:
    """Account changes. `beat_seconds` is the heartbeat's interval."""

    def __init__(self, ledger: AccountLedger, publisher: Publisher, clock: Clock, beat_seconds: float) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock
        self._patience = PATIENCE_BEATS * beat_seconds
        self._sent: OrderedDict[int, float] = OrderedDict()
        self._cursor = 0
        self._again_after: int | None = None

    async def send_some(self) -> bool:
        """Publish changes that were not sent yet; whether there were any. Raises PublishFailed or LedgerAway."""
        if self._again_after is not None:
            self._cursor, self._again_after = self._again_after, None
            self._sent.clear()
        changes = await self._ledger.changes_after(self._cursor, BATCH)
        for change in changes:
            await self._publisher.account_changed(change)
            self._sent[change.number] = self._clock.monotonic()
            self._cursor = change.number
        return bool(changes)

    def confirmed(self, through: int) -> None:
        """A lease says what the registry has; what it should have had by now is sent again."""
        for number in [number for number in self._sent if number <= through]:
            del self._sent[number]
        overdue = self._clock.monotonic() - self._patience
        if any(sent_at < overdue for sent_at in self._sent.values()):
            log.warning("account_changes_sent_again", after=through)
            self._again_after = through


class SignInOutbox:
    """Reports of sign-ins; those with a login in them until the vault has it, or has refused it since the start."""

    def __init__(self, ledger: SignInLedger, publisher: Publisher, clock: Clock, randomness: Randomness) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock
        self._randomness = randomness
        self._sent: dict[str, tuple[int, float]] = {}
        self._refused: set[str] = set()

    def refused(self, hash_: str) -> None:
        """The vault does not take this login."""
        self._refused.add(hash_)

    async def send_some(self) -> bool:
        """Publish what is due; there is nothing more then. Raises PublishFailed or LedgerAway."""
        pending, now = await self._ledger.pending(), self._clock.monotonic()
        self._sent = {each.login_id: self._sent[each.login_id] for each in pending if each.login_id in self._sent}
        self._refused &= {each.hash for each in pending if each.hash is not None}
        for report in pending:
            tries, again = self._sent.get(report.login_id, (0, now))
            if report.sealed is None:
                await self._publisher.sign_in_reported(report)
                await self._ledger.told(report)
            elif again <= now and report.hash not in self._refused:
                await self._publisher.sign_in_reported(report)
                self._sent[report.login_id] = (tries + 1, now + STORED_WITHIN.delay(tries, self._randomness))
        return False


class LoginOutbox:
    """Logins that are handed back.

    What the vault has refused stays in the ledger, and is said once more after a restart: the cause may be gone.
    """

    def __init__(self, ledger: HandedBackLedger, publisher: Publisher, clock: Clock, randomness: Randomness) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock
        self._randomness = randomness
        self._sent: dict[PendingState, tuple[int, float]] = {}
        self._refused: set[PendingState] = set()

    def refused(self, account_id: str, epoch: int, hash_: str) -> None:
        """The vault does not take this state; the same one that is handed back anew is said again."""
        state = (account_id, epoch, hash_)
        self._refused |= {each for each in self._sent if (each.account_id, each.epoch, each.hash) == state}

    async def send_some(self) -> bool:
        """Publish what is due; whether anything was. Raises PublishFailed or LedgerAway."""
        due = await self._due()
        for pending in due[:LOGINS_AT_ONCE]:
            state = await self._ledger.state(pending)
            if state is not None:
                await self._publisher.login_handed_back(state)
                tries, _ = self._sent.get(pending, (0, 0.0))
                again = self._clock.monotonic() + STORED_WITHIN.delay(tries, self._randomness)
                self._sent[pending] = (tries + 1, again)
        if len(due) > LOGINS_AT_ONCE:
            await self._clock.sleep(LOGINS_PAUSE)
        return len(due) > LOGINS_AT_ONCE

    async def _due(self) -> list[PendingState]:
        pending, now = await self._ledger.pending(), self._clock.monotonic()
        self._sent = {each: self._sent[each] for each in pending if each in self._sent}
        self._refused &= set(pending)
        waiting = [each for each in pending if each not in self._refused]
        return [each for each in waiting if each not in self._sent or self._sent[each][1] <= now]
