"""Logins of nodes in memory: the twin for tests without a broker. `away` says why the management API is away."""

from collections.abc import Collection, Sequence

from services.registry.domain.broker_access import NodeLogin
from shared.messaging import Unavailable


class InMemoryAccess:
    """See the module's docstring. `disconnected` are the nodes whose connections were closed, in order."""

    def __init__(self) -> None:
        self.logins: dict[str, str] = {}
        self.disconnected: list[str] = []
        self.locked: set[str] = set()
        self.bounded = False
        self.away: str | None = None

    def username(self, node_id: str) -> str:
        """As on the default virtual host."""
        return f"node.{node_id}"

    async def grant(self, logins: Sequence[NodeLogin]) -> None:
        """Let these nodes in."""
        self._look()
        self.logins |= {login.node_id: login.password_hash for login in logins}

    async def cut_off(self, node_ids: Collection[str]) -> None:
        """Remove these logins."""
        self._look()
        for node_id in node_ids:
            if self.logins.pop(node_id, None) is not None:
                self.disconnected.append(node_id)

    async def disconnect(self, node_id: str) -> None:
        """Close a login's connections."""
        self._look()
        self.disconnected.append(node_id)

    async def lock_out(self, node_ids: Collection[str]) -> None:
        """Close their connections."""
        self._look()
        self.locked |= set(node_ids) & set(self.logins)
        self.disconnected += sorted(node_ids)

    async def locked_out(self) -> set[str]:
        """Who may open nothing."""
        self._look()
        return set(self.locked)

    async def let_in(self, node_ids: Collection[str]) -> None:
        """They may again."""
        self._look()
        self.locked -= set(node_ids)

    async def bound_queues(self) -> None:
        """There are none."""
        self._look()
        self.bounded = True

    async def granted(self) -> set[NodeLogin]:
        """The logins that are there."""
        self._look()
        return {NodeLogin(node_id, hashed) for node_id, hashed in self.logins.items()}

    async def known(self) -> set[str]:
        """The nodes that have one."""
        self._look()
        return set(self.logins)

    async def holds(self, login: NodeLogin) -> bool:
        """Whether this one is there."""
        self._look()
        return self.logins.get(login.node_id) == login.password_hash

    def _look(self) -> None:
        if self.away is not None:
            raise Unavailable(self.away)
