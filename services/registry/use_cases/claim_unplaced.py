"""Answer reports that no assignment answers to: the level behind `settle_reports.py`, which sees each of them once.

It finds what was there before assignments were, what an older replica has written, and logins whose node let go of
them while another one has them in its folder too.
"""

from collections.abc import Callable

import structlog

from services.registry.domain.assignment_rows import Place
from services.registry.domain.assignments import Reported
from services.registry.domain.ports import FleetStore
from services.registry.use_cases.change_assignments import locked_board, save
from shared.clock import Clock

log = structlog.get_logger(__name__)

ACCOUNTS_PER_TRANSACTION = 500


class ClaimUnplaced:
    """The use case."""

    def __init__(self, store: FleetStore, clock: Clock, wake: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake

    async def __call__(self) -> None:
        """Once through all of them. Raises Unavailable."""
        last: Place | None = ("", "")
        while last is not None:
            last = await self._claim_after(last)

    async def _claim_after(self, place: Place) -> Place | None:
        async with self._store.begin() as transaction:
            found = await transaction.unplaced(place, ACCOUNTS_PER_TRANSACTION)
            if not found:
                return None
            accounts = {each.account_id for each in found}
            nodes = {each.node_id for each in found}
            board = await locked_board(transaction, (), self._clock.now(), nodes=nodes, make=accounts)
            for each in found:
                board.apply(each.account_id, Reported(each.node_id, each.epoch))
            await save(transaction, board)
        if board.events:
            log.info("accounts_claimed", count=len(board.events))
            self._wake()
        return (found[-1].node_id, found[-1].account_id) if len(found) == ACCOUNTS_PER_TRANSACTION else None
