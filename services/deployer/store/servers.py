"""The tables `servers`, `server_logins` and `server_installations`.

A server's login is in a row of its own, sealed: no statement here reads it together with anything else.
"""

from dataclasses import asdict
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.installations import Installation, InstallState
from services.deployer.domain.server_problems import Trouble
from services.deployer.domain.servers import HostKey, Server, ServerState

_COLUMNS = (
    "server_id, host, port, user_name, login, directory, node_id, link, state, public_key, fingerprint, "
    "created_at, updated_at"
)
_ADD = text(
    f"insert into deployer.servers ({_COLUMNS}) values (:server_id, :host, :port, :user_name, :login, :directory, "
    ":node_id, :link, :state, :public_key, :fingerprint, :created_at, :updated_at) "
    "on conflict do nothing returning server_id"
)
_ADD_LOGIN = text("insert into deployer.server_logins (server_id, sealed) values (:server_id, :sealed)")
_ONE = f"select {_COLUMNS} from deployer.servers where server_id = :server_id"
_READ = text(_ONE)
_LOCK = text(f"{_ONE} for update")
_SEALED = text("select sealed from deployer.server_logins where server_id = :server_id")
_SAVE = text(
    "update deployer.servers set state = :state, public_key = :public_key, fingerprint = :fingerprint, "
    "updated_at = :updated_at where server_id = :server_id"
)
_CHANGE = text(
    "update deployer.servers set user_name = :user_name, login = :login, updated_at = :updated_at "
    "where server_id = :server_id"
)
_CHANGE_LOGIN = text("update deployer.server_logins set sealed = :sealed where server_id = :server_id")
_REMOVE = text("delete from deployer.servers where server_id = :server_id returning server_id")
_PAGE = text(f"select {_COLUMNS} from deployer.servers where server_id > :after order by server_id limit :limit")
_LINKED = text(
    f"select {_COLUMNS} from deployer.servers where link and node_id is not null and state = 'confirmed' "
    "order by server_id"
)
_INSTALLATION = text(
    "select state, step, version, started_at, deadline_at, finished_at, detail, trouble "
    "from deployer.server_installations where server_id = :server_id"
)
_NOTE = text(
    "insert into deployer.server_installations "
    "(server_id, state, step, version, started_at, deadline_at, finished_at, detail, trouble) "
    "select server_id, :state, :step, :version, cast(:started_at as timestamptz), cast(:deadline_at as timestamptz), "
    "cast(:finished_at as timestamptz), :detail, :trouble from deployer.servers where server_id = :server_id "
    "on conflict (server_id) do update set state = excluded.state, step = excluded.step, version = excluded.version, "
    "started_at = excluded.started_at, deadline_at = excluded.deadline_at, finished_at = excluded.finished_at, "
    "detail = excluded.detail, trouble = excluded.trouble"
)


class PostgresServers:
    """Servers in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, server: Server, sealed: bytes) -> bool:
        """Insert one with its login."""
        added = (await self._connection.execute(_ADD, _row(server))).one_or_none()
        if added is None:
            return False
        await self._connection.execute(_ADD_LOGIN, {"server_id": server.server_id, "sealed": sealed})
        return True

    async def one(self, server_id: str) -> Server | None:
        """One server."""
        return _server((await self._connection.execute(_READ, {"server_id": server_id})).one_or_none())

    async def lock(self, server_id: str) -> Server | None:
        """One server, locked."""
        return _server((await self._connection.execute(_LOCK, {"server_id": server_id})).one_or_none())

    async def sealed(self, server_id: str) -> bytes | None:
        """Its sealed login."""
        found = (await self._connection.execute(_SEALED, {"server_id": server_id})).scalar_one_or_none()
        return None if found is None else bytes(found)

    async def save(self, server: Server) -> None:
        """Write state and host key."""
        await self._connection.execute(_SAVE, _row(server))

    async def change_login(self, server: Server, sealed: bytes) -> None:
        """Write who logs in there and how, in place of what was; the server is locked."""
        await self._connection.execute(_CHANGE, _row(server))
        await self._connection.execute(_CHANGE_LOGIN, {"server_id": server.server_id, "sealed": sealed})

    async def remove(self, server_id: str) -> bool:
        """Forget it; its login and its installations go with it."""
        return (await self._connection.execute(_REMOVE, {"server_id": server_id})).one_or_none() is not None

    async def page(self, after: str | None, limit: int) -> list[Server]:
        """Servers by id."""
        rows = await self._connection.execute(_PAGE, {"after": after or "", "limit": limit})
        return [server for row in rows if (server := _server(row))]

    async def linked(self) -> list[Server]:
        """Confirmed servers with a link, by id."""
        return [server for row in await self._connection.execute(_LINKED) if (server := _server(row))]

    async def installation(self, server_id: str) -> Installation | None:
        """The newest installation."""
        row = (await self._connection.execute(_INSTALLATION, {"server_id": server_id})).one_or_none()
        if row is None:
            return None
        trouble = Trouble(row.trouble) if row.trouble else None
        return Installation(**{**row._mapping, "state": InstallState(row.state), "trouble": trouble})

    async def note_installation(self, server_id: str, installation: Installation) -> None:
        """Write how far it is."""
        await self._connection.execute(_NOTE, {"server_id": server_id, **asdict(installation)})


def _row(server: Server) -> dict[str, Any]:
    return {
        "server_id": server.server_id,
        "host": server.host,
        "port": server.port,
        "user_name": server.user,
        "login": server.login,
        "directory": server.directory,
        "node_id": server.node_id,
        "link": server.link,
        "state": server.state,
        "public_key": server.host_key.public_key,
        "fingerprint": server.host_key.fingerprint,
        "created_at": server.created_at,
        "updated_at": server.updated_at,
    }


def _server(row: Any) -> Server | None:
    if row is None:
        return None
    return Server(
        server_id=row.server_id,
        host=row.host,
        port=row.port,
        user=row.user_name,
        login=row.login,
        directory=row.directory,
        node_id=row.node_id,
        link=row.link,
        state=ServerState(row.state),
        host_key=HostKey(row.public_key, row.fingerprint),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
