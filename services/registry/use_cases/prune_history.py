"""Keep history bounded: a node's newest changes and none older than a month, and a week of what accounts counted."""

from datetime import timedelta

import structlog

from services.registry.domain.ports import FleetStore

log = structlog.get_logger(__name__)

KEPT_PER_NODE = 10_000
KEPT_FOR = timedelta(days=30)
# An hour in which all of 100,000 accounts talk is 100,000 rows of some eighty bytes.
COUNTS_KEPT_FOR = timedelta(days=7)


class PruneHistory:
    """The use case."""

    def __init__(self, store: FleetStore) -> None:
        self._store = store

    async def __call__(self) -> None:
        """Prune once. Raises Unavailable."""
        async with self._store.begin() as transaction:
            changes = await transaction.prune_changes(KEPT_PER_NODE, KEPT_FOR)
            counts = await transaction.prune_counts(COUNTS_KEPT_FOR)
        if changes or counts:
            log.info("history_pruned", changes=changes, counts=counts)
