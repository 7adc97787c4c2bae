"""Register servers, pin their host keys, look at them, and push files to them.

Called by the API. No transaction is open while a server is asked: it may take its time. What a server is asked for
needs it confirmed; the scan of its host key alone does not. Raises Unavailable when the database is away.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from services.deployer.domain.logins import Login, Vault, kind_of
from services.deployer.domain.ports import Store
from services.deployer.domain.reaching import Access, Greeting, Placed, ServerStatus, Ssh, Upload
from services.deployer.domain.server_problems import ServerProblem
from services.deployer.domain.servers import OtherFingerprint, Server, ServerState, confirmed, rescanned
from shared.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NewServer:
    """A server as the operator names it."""

    server_id: str
    host: str
    port: int
    user: str
    login: Login
    directory: str
    node_id: str | None
    link: bool


@dataclass(frozen=True, slots=True)
class ServerExists:
    """There is one of this id."""


@dataclass(frozen=True, slots=True)
class LinkExists:
    """Another server links this node."""


@dataclass(frozen=True, slots=True)
class NoSuchServer:
    """There is none of this id."""


@dataclass(frozen=True, slots=True)
class NotConfirmed:
    """Nobody has confirmed its host key yet."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class NoScript:
    """There is no such script, or no such version of it."""


NotReached = NoSuchServer | NotConfirmed | ServerProblem


class RegisterServers:
    """Enter servers, confirm what they showed, scan them again, forget them."""

    def __init__(self, store: Store, ssh: Ssh, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._ssh = ssh
        self._vault = vault
        self._clock = clock

    async def add(self, new: NewServer) -> Server | ServerExists | LinkExists | ServerProblem:
        """Scan the host key and store the server, unconfirmed. A server that shows no key is not stored."""
        unreadable = await self._ssh.readable(new.login)
        if unreadable is not None:
            return unreadable
        async with self._store.begin() as transaction:
            if await transaction.servers.one(new.server_id) is not None:
                return ServerExists()
        key = await self._ssh.scan(new.host, new.port)
        if isinstance(key, ServerProblem):
            return key
        now = self._clock.now()
        server = Server(
            server_id=new.server_id,
            host=new.host,
            port=new.port,
            user=new.user,
            login=kind_of(new.login),
            host_key=key,
            created_at=now,
            updated_at=now,
            directory=new.directory,
            node_id=new.node_id,
            link=new.link,
        )
        async with self._store.begin() as transaction:
            if await transaction.servers.add(server, self._vault.seal(server.server_id, new.login)):
                return server
            there = await transaction.servers.one(new.server_id)
        return LinkExists() if there is None else ServerExists()

    async def change_login(
        self, server_id: str, login: Login, user: str | None = None
    ) -> Server | NoSuchServer | ServerProblem:
        """Log in with this from now on, as this user if one is given; the confirmed host key stays."""
        unreadable = await self._ssh.readable(login)
        if unreadable is not None:
            return unreadable
        async with self._store.begin() as transaction:
            server = await transaction.servers.lock(server_id)
            if server is None:
                return NoSuchServer()
            now = self._clock.now()
            server = replace(server, login=kind_of(login), user=user or server.user, updated_at=now)
            await transaction.servers.change_login(server, self._vault.seal(server_id, login))
        return server

    async def confirm(self, server_id: str, fingerprint: str) -> Server | NoSuchServer | OtherFingerprint:
        """Pin the key that the server showed."""
        async with self._store.begin() as transaction:
            server = await transaction.servers.lock(server_id)
            if server is None:
                return NoSuchServer()
            outcome = confirmed(server, fingerprint, self._clock.now())
            if isinstance(outcome, Server):
                await transaction.servers.save(outcome)
        return outcome

    async def scan(self, server_id: str) -> Server | NoSuchServer | ServerProblem:
        """See which key the server shows now; another one than before has to be confirmed."""
        async with self._store.begin() as transaction:
            server = await transaction.servers.one(server_id)
        if server is None:
            return NoSuchServer()
        key = await self._ssh.scan(server.host, server.port)
        if isinstance(key, ServerProblem):
            return key
        async with self._store.begin() as transaction:
            server = await transaction.servers.lock(server_id)
            if server is None:
                return NoSuchServer()
            server = rescanned(server, key, self._clock.now())
            await transaction.servers.save(server)
        return server

    async def remove(self, server_id: str) -> bool:
        """Forget a server with its login; whether it was there. Nothing is changed on it."""
        async with self._store.begin() as transaction:
            return await transaction.servers.remove(server_id)

    async def one(self, server_id: str) -> Server | None:
        """One server."""
        async with self._store.begin() as transaction:
            return await transaction.servers.one(server_id)

    async def page(self, after: str | None, limit: int) -> Sequence[Server]:
        """Servers by id."""
        async with self._store.begin() as transaction:
            return await transaction.servers.page(after, limit)


class ReachServers:
    """What is done on confirmed servers, over SSH."""

    def __init__(self, store: Store, ssh: Ssh, vault: Vault) -> None:
        self._store = store
        self._ssh = ssh
        self._vault = vault

    async def access(self, server_id: str) -> Access | NotReached:
        """How to get into a server."""
        async with self._store.begin() as transaction:
            server = await transaction.servers.one(server_id)
            sealed = await transaction.servers.sealed(server_id)
        if server is None or sealed is None:
            return NoSuchServer()
        if server.state is not ServerState.CONFIRMED:
            return NotConfirmed(server.host_key.fingerprint)
        login = self._vault.open(server_id, sealed)
        return login if isinstance(login, ServerProblem) else Access(server, login)

    async def greet(self, server_id: str) -> Greeting | NotReached:
        """Whether one can log in."""
        return await self._at(server_id, self._ssh.greet)

    async def status(self, server_id: str) -> ServerStatus | NotReached:
        """A look at the server."""
        return await self._at(server_id, self._ssh.status)

    async def push(self, server_id: str, script_id: str, version: int | None) -> Placed | NoScript | NotReached:
        """Put a version of a script (None: the latest) into the server's folder `scripts`."""
        async with self._store.begin() as transaction:
            if version is None:
                newest = await transaction.scripts.newest([script_id])
                version = newest[script_id].artifact.version if newest else 0
            found = await transaction.scripts.version(script_id, version)
        if found is None:
            return NoScript()
        upload = Upload(("scripts", f"{script_id}.yaml"), found.body.encode())
        return await self._at(server_id, lambda access: self._ssh.put(access, upload))

    async def _at(self, server_id: str, action: Callable[[Access], Awaitable[T | ServerProblem]]) -> T | NotReached:
        access = await self.access(server_id)
        return await action(access) if isinstance(access, Access) else access
