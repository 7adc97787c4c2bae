"""Tell everyone every assignment again, now and then: it repairs a reader that missed a change.

Held back while the outbox is not being emptied, as the announcements of nodes are.
"""

from collections.abc import Callable

import structlog

from services.registry.domain.board import told
from services.registry.domain.ports import FleetStore
from services.registry.use_cases.announce_nodes import MOST_UNSENT
from shared.clock import Clock

log = structlog.get_logger(__name__)

ROWS_PER_TRANSACTION = 500


class AnnounceAssignments:
    """The use case."""

    def __init__(self, store: FleetStore, clock: Clock, wake: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake

    async def __call__(self) -> None:
        """Announce every assignment, in the order of accounts, as far as the outbox takes it. Raises Unavailable."""
        last: str | None = ""
        while last is not None:
            last = await self._announce_after(last)

    async def _announce_after(self, account_id: str) -> str | None:
        async with self._store.begin() as transaction:
            unsent = await transaction.unsent(MOST_UNSENT)
            if unsent >= MOST_UNSENT:
                log.warning("announcements_held_back", reason=f"at least {unsent} messages wait in the outbox")
                return None
            rows = await transaction.assignments_after(account_id, ROWS_PER_TRANSACTION)
            at = self._clock.now()
            await transaction.emit(told(row.account_id, row, "announced", at) for row in rows)
        self._wake()
        return rows[-1].account_id if len(rows) == ROWS_PER_TRANSACTION else None
