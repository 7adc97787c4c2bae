"""Keep the history of account changes bounded: the newest of each node, and nothing older than a month."""

from datetime import timedelta

import structlog

from services.registry.domain.ports import FleetStore

log = structlog.get_logger(__name__)

KEPT_PER_NODE = 10_000
KEPT_FOR = timedelta(days=30)


class PruneChanges:
    """The use case."""

    def __init__(self, store: FleetStore) -> None:
        self._store = store

    async def __call__(self) -> None:
        """Prune once. Raises Unavailable."""
        async with self._store.begin() as transaction:
            gone = await transaction.prune_changes(KEPT_PER_NODE, KEPT_FOR)
        if gone:
            log.info("account_changes_pruned", count=gone)
