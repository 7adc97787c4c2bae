"""What becomes of accounts whose node is silent; run only while offline verdicts are allowed (`domain/verdicts.py`).

What is being released goes on when the node's lease, which covers every grant, has been over for longer than clocks can
differ; that is asked for again under the locks, because a beat may have come in between. What is assigned to a dead
node is asked back from it, for a node with room, if the account's policy or its node's is to move; the lease is over
by then, so it goes on with the next sweep.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog

from services.registry.domain.assignment_rows import Place
from services.registry.domain.assignments import LeaseOver
from services.registry.domain.ports import FleetStore
from services.registry.use_cases.change_assignments import locked_board, save
from services.registry.use_cases.send_away import send_away
from shared.clock import Clock

log = structlog.get_logger(__name__)

ACCOUNTS_PER_TRANSACTION = 500


class SettleSilent:
    """The use case. `margin` after the lease's end nothing lives on a node; `patience` after it, its accounts move."""

    def __init__(
        self, store: FleetStore, clock: Clock, margin: timedelta, patience: timedelta, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._margin = margin
        self._patience = patience
        self._wake = wake

    async def __call__(self) -> None:
        """Once through all of them. Raises Unavailable."""
        while await self._go_on() == ACCOUNTS_PER_TRANSACTION:
            continue
        last: Place | None = ("", "")
        while last is not None:
            last = await self._take_over_after(last)

    async def _go_on(self) -> int:
        async with self._store.begin() as transaction:
            found = await transaction.over(self._margin, ACCOUNTS_PER_TRANSACTION)
            if not found:
                return 0
            asked = {each.row.account_id for each in found}
            board = await locked_board(transaction, asked, self._clock.now())
            for still in await transaction.over(self._margin, ACCOUNTS_PER_TRANSACTION):
                row = still.row
                if row.account_id in asked and row.node_id is not None and board.holds(row.node_id):
                    cut_off = board.node(row.node_id).sealing_key is None
                    board.apply(row.account_id, LeaseOver(row.node_id, cut_off, still.until))
            await save(transaction, board)
        log.info("silent_nodes_gave_back", accounts=[event.account_id for event in board.events[:20]])
        self._wake()
        return len(board.events)

    async def _take_over_after(self, place: Place) -> Place | None:
        async with self._store.begin() as transaction:
            found = await transaction.of_dead_nodes(self._patience, place, ACCOUNTS_PER_TRANSACTION)
            sent = await send_away(transaction, found, _is_silent, self._clock.now()) if found else 0
        if found and sent < len(found):
            log.warning("accounts_without_a_place", count=len(found) - sent, node=found[0].node_id)
        if sent:
            log.info("accounts_taken_over", count=sent)
            self._wake()
        return (found[-1].node_id or "", found[-1].account_id) if len(found) == ACCOUNTS_PER_TRANSACTION else None


def _is_silent(node_id: str) -> str:
    return f"node {node_id} is silent, and its accounts shall move"
