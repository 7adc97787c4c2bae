"""Tell everyone every node's state again, now and then: it repairs a reader that missed a change.

While the outbox is not being emptied (the broker is away) nothing is added to it: what waits there is told first, and
an outage must not fill the database with announcements.
"""

from collections.abc import Callable

import structlog

from services.registry.domain.node import observed
from services.registry.domain.ports import FleetStore
from shared.clock import Clock

log = structlog.get_logger(__name__)

NODES_PER_TRANSACTION = 500
MOST_UNSENT = 2_000


class AnnounceNodes:
    """The use case."""

    def __init__(self, store: FleetStore, clock: Clock, wake: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake

    async def __call__(self) -> None:
        """Announce every node, in the order of their ids. Raises Unavailable."""
        async with self._store.begin() as transaction:
            unsent = await transaction.unsent(MOST_UNSENT)
        if unsent >= MOST_UNSENT:
            log.warning("announcements_held_back", reason=f"at least {unsent} messages wait in the outbox")
            return
        last: str | None = ""
        while last is not None:
            last = await self._announce_after(last)

    async def _announce_after(self, node_id: str) -> str | None:
        async with self._store.begin() as transaction:
            nodes = await transaction.nodes_after(node_id, NODES_PER_TRANSACTION)
            at = self._clock.now()
            await transaction.emit(observed(node, "announced", at) for node in nodes)
        self._wake()
        return nodes[-1].node_id if len(nodes) == NODES_PER_TRANSACTION else None
