"""Who plays what on which node, as it was ordered and as it was verified: the ports of the two tables."""

from collections.abc import Collection, Mapping
from typing import Protocol

from shared.contracts.bindings import Bindings


class NodeBindings(Protocol):
    """For each node, which account was ordered to play which script (see `shared.contracts.bindings`)."""

    async def of(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        """The bindings of those of the nodes that have any, unlocked."""
        ...

    async def lock(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        """The bindings of these nodes, locked by id; empty ones for a node without any."""
        ...

    async def save(self, bindings: Mapping[str, Bindings]) -> None:
        """Write the bindings of nodes that are locked."""
        ...


class VerifiedBindings(Protocol):
    """For each node, who plays what by the orders that were verified there."""

    async def lock(self, node_ids: Collection[str]) -> dict[str, Bindings | None]:
        """The bindings of these nodes, locked by id: empty ones for a node without any, None for unknown ones."""
        ...

    async def save(self, bindings: Mapping[str, Bindings | None]) -> None:
        """Write the bindings of nodes that are locked."""
        ...
