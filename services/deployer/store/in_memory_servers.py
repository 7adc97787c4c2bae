"""The twin of `store.servers`, on the tables of `store.in_memory`."""

from services.deployer.domain.installations import Installation
from services.deployer.domain.servers import Server, ServerState
from services.deployer.store.in_memory_tables import Tables


class InMemoryServers:
    """Implements `domain.servers.ServerRows`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._servers = tables.servers

    async def add(self, server: Server, sealed: bytes) -> bool:
        """Insert one; False when there is one of this id, or another link of its node."""
        linked = {one.node_id for one in self._servers.values() if one.link and one.node_id}
        if server.server_id in self._servers or (server.link and server.node_id in linked):
            return False
        self._servers[server.server_id] = server
        self._tables.logins[server.server_id] = sealed
        return True

    async def one(self, server_id: str) -> Server | None:
        """One server."""
        return self._servers.get(server_id)

    async def lock(self, server_id: str) -> Server | None:
        """One server, locked until the end of the transaction."""
        return self._servers.get(server_id)

    async def sealed(self, server_id: str) -> bytes | None:
        """Its sealed login."""
        return self._tables.logins.get(server_id)

    async def save(self, server: Server) -> None:
        """Write what can change of it, but for how one logs in there."""
        if server.server_id in self._servers:
            self._servers[server.server_id] = server

    async def change_login(self, server: Server, sealed: bytes) -> None:
        """Write who logs in there and how, in place of what was; the server is locked."""
        self._servers[server.server_id] = server
        self._tables.logins[server.server_id] = sealed

    async def remove(self, server_id: str) -> bool:
        """Forget it with its login; whether it was there."""
        self._tables.logins.pop(server_id, None)
        self._tables.installations.pop(server_id, None)
        return self._servers.pop(server_id, None) is not None

    async def page(self, after: str | None, limit: int) -> list[Server]:
        """Servers by id."""
        return [self._servers[id_] for id_ in sorted(self._servers) if id_ > (after or "")][:limit]

    async def linked(self) -> list[Server]:
        """Confirmed servers whose agents' messages are to be moved, by id."""
        found = (self._servers[id_] for id_ in sorted(self._servers))
        return [one for one in found if one.link and one.node_id and one.state is ServerState.CONFIRMED]

    async def installation(self, server_id: str) -> Installation | None:
        """The newest installation there."""
        return self._tables.installations.get(server_id)

    async def note_installation(self, server_id: str, installation: Installation) -> None:
        """Write how far it is; a server that was removed meanwhile takes no note."""
        if server_id in self._servers:
            self._tables.installations[server_id] = installation
