"""The twin of `store.bindings`, on the tables of `store.in_memory`."""

from collections.abc import Collection, Mapping

from services.deployer.store.in_memory_tables import Tables
from shared.contracts.bindings import Bindings


class InMemoryBindings:
    """Implements `domain.binding_rows.NodeBindings`."""

    def __init__(self, tables: Tables) -> None:
        self._bindings = tables.bindings

    async def of(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        """The bindings of those of the nodes that have any, unlocked."""
        return {node_id: self._bindings[node_id] for node_id in node_ids if node_id in self._bindings}

    async def lock(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        """The bindings of these nodes, locked by id; empty ones for a node without any."""
        return {node_id: self._bindings.get(node_id, {}) for node_id in sorted(node_ids)}

    async def save(self, bindings: Mapping[str, Bindings]) -> None:
        """Write the bindings of nodes that are locked."""
        self._bindings.update(bindings)
