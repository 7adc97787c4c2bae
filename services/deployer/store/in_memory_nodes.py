"""The twin of `store.nodes`, on the tables of `store.in_memory`."""

from collections.abc import Collection, Sequence

from services.deployer.domain.nodes import Node
from services.deployer.store.in_memory_tables import Tables


class InMemoryNodes:
    """Implements `domain.node_rows.Nodes`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._nodes = tables.nodes

    async def lock(self, node_ids: Collection[str]) -> dict[str, Node]:
        """Those of the nodes that are known, locked."""
        return {node_id: self._nodes[node_id] for node_id in node_ids if node_id in self._nodes}

    async def save(self, nodes: Sequence[Node]) -> None:
        """Write nodes, sorted by id; a row that is newer by now stays."""
        for node in nodes:
            known = self._nodes.get(node.node_id)
            if known is None or known.age <= node.age:
                self._nodes[node.node_id] = node

    async def all(self) -> list[Node]:
        """Every node."""
        return list(self._nodes.values())

    async def strangers(self, deployment_id: str) -> list[Node]:
        """The nodes to which nothing of this deployment goes."""
        reached = {one.node_id for one in self._tables.deliveries.values() if one.deployment_id == deployment_id}
        return [node for node in self._nodes.values() if node.node_id not in reached]

    async def behind(self, serial: int, most: int) -> dict[str, int]:
        """Online nodes that go by an older serial of the deployer's keys, with that serial; by id."""
        online = {id_: node.keys_serial for id_, node in sorted(self._nodes.items()) if node.online}
        found = {id_: known for id_, known in online.items() if known is not None and known < serial}
        return dict(list(found.items())[:most])

    async def online_serials(self) -> set[int]:
        """The serials that online nodes go by."""
        return {node.keys_serial for node in self._nodes.values() if node.online and node.keys_serial is not None}

    async def highest_serial(self) -> int:
        """The highest serial that any node goes by; 0 if none does."""
        return max((node.keys_serial or 0 for node in self._nodes.values()), default=0)
