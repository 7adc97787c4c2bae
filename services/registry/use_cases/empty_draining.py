"""Send the accounts of draining nodes away, for as long as there are some: also those that had no place at first."""

from collections.abc import Callable

from services.registry.domain.assignment_rows import Place
from services.registry.domain.ports import FleetStore
from services.registry.use_cases.send_away import send_away
from shared.clock import Clock

ACCOUNTS_PER_TRANSACTION = 500


class EmptyDraining:
    """The use case."""

    def __init__(self, store: FleetStore, clock: Clock, wake: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake

    async def __call__(self) -> None:
        """Once through all of them. Raises Unavailable."""
        last: Place | None = ("", "")
        while last is not None:
            last = await self._after(last)

    async def _after(self, place: Place) -> Place | None:
        async with self._store.begin() as transaction:
            found = await transaction.of_draining_nodes(place, ACCOUNTS_PER_TRANSACTION)
            sent = await send_away(transaction, found, _is_drained, self._clock.now()) if found else 0
        if sent:
            self._wake()
        return (found[-1].node_id or "", found[-1].account_id) if len(found) == ACCOUNTS_PER_TRANSACTION else None


def _is_drained(node_id: str) -> str:
    return f"node {node_id} is being drained"
