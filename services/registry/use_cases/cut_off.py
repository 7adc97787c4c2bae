"""The nodes that were revoked, known in memory so that each beat can be asked for at no cost.

Every replica reads them again every few seconds; the one that revokes knows at once.
"""

from services.registry.domain.access_ports import AccessStore


class CutOff:
    """See the module's docstring. Before the first `refresh` nobody is cut off."""

    def __init__(self, store: AccessStore) -> None:
        self._store = store
        self._nodes: set[str] = set()

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes

    def add(self, node_id: str) -> None:
        """This one is, from now on."""
        self._nodes.add(node_id)

    async def refresh(self) -> None:
        """Read them again. Raises Unavailable."""
        self._nodes = await self._store.revoked()
