"""Keep history bounded: a node's newest changes and none older than a month, and a week of what accounts counted.

In pieces, so that no statement grows with the fleet or with how long nobody has pruned: one that takes too long would
be given up each time, and the tables would grow for ever.
"""

from datetime import timedelta

import structlog

from services.registry.domain.ports import FleetStore

log = structlog.get_logger(__name__)

KEPT_PER_NODE = 10_000
KEPT_FOR = timedelta(days=30)
# An hour in which all of 100,000 accounts talk is 100,000 rows of some eighty bytes.
COUNTS_KEPT_FOR = timedelta(days=7)
# A tenth of a second of deleting.
AT_ONCE = 10_000


class PruneHistory:
    """The use case."""

    def __init__(self, store: FleetStore) -> None:
        self._store = store

    async def __call__(self) -> None:
        """Prune all that is old. Raises Unavailable."""
        while await self._prune_some():
            continue

    async def _prune_some(self) -> bool:
        """Whether there may be more."""
        async with self._store.begin() as transaction:
            changes = await transaction.prune_changes(KEPT_PER_NODE, KEPT_FOR, AT_ONCE)
            counts = await transaction.prune_counts(COUNTS_KEPT_FOR, AT_ONCE)
        if changes or counts:
            log.info("history_pruned", changes=changes, counts=counts)
        return changes >= AT_ONCE or counts >= AT_ONCE
