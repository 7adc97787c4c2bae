"""Record a batch of account changes: each exactly once in the history, and in the account's row if it is the newest.

A change of a node that was never heard of makes the node (offline), so that nothing is lost. The committed end of
each ledger's unbroken numbers goes back to the node with its next lease, and the node sends again what is beyond.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from services.registry.domain.accounts import AccountGroup, Written, in_pieces, placed
from services.registry.domain.history import newest_rows, unrecorded
from services.registry.domain.lease import Recorded, Unrecordable
from services.registry.domain.ports import FleetStore
from services.registry.use_cases.isolation import record_each
from services.registry.use_cases.settle_reports import SettleReports, newcomers
from shared.clock import Clock
from shared.contracts.accounts import AccountChanged, AccountReport
from shared.contracts.contract import Contract
from shared.contracts.fleet import AccountsChanged


class RecordAccountChanges:
    """The use case. `wake` is called when something was committed to the outbox."""

    def __init__(self, store: FleetStore, settle: SettleReports, clock: Clock, wake: Callable[[], None]) -> None:
        self._store = store
        self._settle = settle
        self._clock = clock
        self._wake = wake

    async def __call__(self, changes: Sequence[AccountChanged]) -> list[Recorded | Unrecordable]:
        """For each change that it is recorded, or why it alone could not be recorded. Raises Unavailable."""
        return await record_each(changes, self._record)

    async def _record(self, changes: Sequence[AccountChanged]) -> list[Recorded]:
        async with self._store.begin() as transaction:
            nodes = await transaction.lock_nodes(change.node_id for change in changes)
            news = unrecorded(nodes, changes)
            await transaction.add_changes(news)
            keys = {(change.node_id, change.account.account_id) for change in news}
            groups = newest_rows(nodes, news, await transaction.known_accounts(keys) if keys else set())
            written = await transaction.write_accounts(groups) if groups else Written()
            await transaction.advance_changes(nodes)
            at = self._clock.now()
            settled = await self._settle.of_changes(transaction, nodes, newcomers(groups, written), at)
            events = _events(groups, written, at)
            if events:
                await transaction.emit(events)
        if events or settled:
            self._wake()
        return [Recorded()] * len(changes)


def _events(groups: Sequence[AccountGroup], written: Written, at: datetime) -> list[Contract]:
    changed: dict[str, list[AccountReport]] = defaultdict(list)
    for group, places in placed(groups):
        if places.start in written.changed:
            changed[group.node_id] += group.reports
    return [
        piece
        for node_id, reports in changed.items()
        for piece in in_pieces(AccountsChanged(node_id=node_id, accounts=reports, at=at))
    ]
