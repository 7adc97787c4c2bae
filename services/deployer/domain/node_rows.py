"""The projection of the fleet in a transaction: the port of the table."""

from collections.abc import Collection, Sequence
from typing import Protocol

from services.deployer.domain.nodes import Node


class Nodes(Protocol):
    """The projection of the fleet."""

    async def lock(self, node_ids: Collection[str]) -> dict[str, Node]:
        """Those of the nodes that are known, locked."""
        ...

    async def save(self, nodes: Sequence[Node]) -> None:
        """Write nodes, sorted by id; a row that is newer by now stays."""
        ...

    async def all(self) -> list[Node]:
        """Every node."""
        ...

    async def strangers(self, deployment_id: str) -> list[Node]:
        """The nodes to which nothing of this deployment goes."""
        ...

    async def behind(self, serial: int, most: int) -> dict[str, int]:
        """Online nodes that go by an older serial of the deployer's keys, with that serial; by id."""
        ...

    async def online_serials(self) -> set[int]:
        """The serials that online nodes go by."""
        ...

    async def highest_serial(self) -> int:
        """The highest serial that any node goes by; 0 if none does."""
        ...
