"""The two outboxes of the ledger: delivery reports, and account changes.

Reports are deleted when the broker has confirmed them. Account changes are kept until the registry itself confirms
them in a lease, because a broker may lose its disk: changes that a lease still does not have two beats after they
were sent are sent again. Both are emptied by a `Drain`, which waits while broker or ledger is away.
"""

from collections import OrderedDict

import structlog

from services.node_agent.domain.ports import AccountLedger, DeliveryLedger, Publisher
from shared.clock import Clock

log = structlog.get_logger(__name__)

BATCH = 100
PATIENCE_BEATS = 2.0


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
