"""Record what the vault has: a new login waits to be assigned, a chosen version makes its account start anew.

A batch of changes is one transaction. What is known already, as most announcements are, locks and writes nothing.
"""

from collections.abc import Callable, Sequence

from services.registry.domain.assignments import Assignment, Removed, Stored
from services.registry.domain.board import Board
from services.registry.domain.lease import Recorded, Unrecordable
from services.registry.domain.ports import FleetStore
from services.registry.use_cases.change_assignments import locked_board, save
from services.registry.use_cases.isolation import record_each
from shared.clock import Clock
from shared.contracts.sessions import SessionChanged


class RecordSessions:
    """The use case."""

    def __init__(self, store: FleetStore, clock: Clock, wake: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake

    async def __call__(self, changes: Sequence[SessionChanged]) -> list[Recorded | Unrecordable]:
        """For each change that it is recorded, or why it alone could not be recorded. Raises Unavailable."""
        return await record_each(changes, self._record)

    async def _record(self, changes: Sequence[SessionChanged]) -> list[Recorded]:
        async with self._store.begin() as transaction:
            known = await transaction.assignments(change.account_id for change in changes)
            news = [change for change in changes if _is_news(known.get(change.account_id), change)]
            if not news:
                return [Recorded()] * len(changes)
            make = {change.account_id for change in news}
            board = await locked_board(transaction, (), self._clock.now(), make=make)
            for change in sorted(news, key=lambda each: each.at):
                _apply(board, change)
            await save(transaction, board)
        if board.events or board.touched:
            self._wake()
        return [Recorded()] * len(changes)


def _is_news(row: Assignment | None, change: SessionChanged) -> bool:
    if row is None or row.vault_at is None:
        return True
    same = change.change in ("stored", "announced") and row.in_vault == change.hash
    return change.at > row.vault_at and (not same or row.handed_back == change.hash)


def _apply(board: Board, change: SessionChanged) -> None:
    if change.change == "removed":
        board.apply(change.account_id, Removed(change.at))
        return
    row = board.row(change.account_id)
    # A node that gives nothing back cannot be made to start anew: what was chosen counts from its next assignment on.
    asked = (
        row is None or row.node_id is None or (board.holds(row.node_id) and board.node(row.node_id).takes_assignments)
    )
    chosen = change.change == "chosen" and asked
    board.apply(change.account_id, Stored(change.hash, change.at, chosen))
