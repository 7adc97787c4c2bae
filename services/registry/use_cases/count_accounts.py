"""Keep what accounts hear and send, by hours: their reports only say how much it was so far.

A look at the rows, not a part of the intake: a beat costs nothing more, and whatever was missed is in the next look.
"""

from services.registry.domain.ports import FleetStore


class CountAccounts:
    """The use case."""

    def __init__(self, store: FleetStore) -> None:
        self._store = store

    async def __call__(self) -> None:
        """Look once. Raises Unavailable."""
        async with self._store.begin() as transaction:
            await transaction.count_accounts()
