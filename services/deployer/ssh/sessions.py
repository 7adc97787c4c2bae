"""Connections to servers: pinned to the confirmed host key, bounded in number and in time, and always closed.

`Sessions.run` is the one way to do something over SSH: it waits for a turn, opens a connection, runs the action within
its time and gives its value or a `ServerProblem`. Nothing is read from the deployer's own `~/.ssh`: neither
configuration nor keys, and no agent unless the login says so.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import asyncssh

from services.deployer.domain.logins import AgentLogin, KeyLogin, Login, PasswordLogin
from services.deployer.domain.reaching import Access
from services.deployer.domain.server_problems import ServerProblem, Trouble
from services.deployer.domain.servers import ServerState
from services.deployer.ssh.troubles import EXPECTED, Failed, problem_of

T = TypeVar("T")
Action = Callable[[asyncssh.SSHClientConnection], Awaitable[T]]

# sshd starts to drop connections at ten that have not logged in yet (MaxStartups); a link and an operator need two.
MOST_OF_ONE_SERVER = 3
# Each costs a socket, some threads' time for its ciphers and about a megabyte.
MOST_OF_ALL = 50
TURN_SECONDS = 20.0
CONNECT_SECONDS = 10.0
LOGIN_SECONDS = 15.0
CLOSE_SECONDS = 2.0
# The first that the server has of these is the one that is shown and pinned.
HOST_KEY_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


class Turns:
    """At most so many at once, of one server and of all."""

    def __init__(self, of_one: int = MOST_OF_ONE_SERVER, of_all: int = MOST_OF_ALL) -> None:
        self._of_one = of_one
        self._of_all = of_all
        self._taken: Counter[str] = Counter()
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def turn(self, name: str, seconds: float = TURN_SECONDS) -> AsyncIterator[None]:
        """A turn for the length of the context. Raises Failed when none is free in time."""
        try:
            async with asyncio.timeout(seconds), self._freed:
                await self._freed.wait_for(lambda: self._is_free(name))
                self._taken[name] += 1
        except TimeoutError:
            detail = f"{name} has {self._taken[name]} sessions open and no turn came free in {seconds:g} s: try again"
            raise Failed(Trouble.BUSY, detail) from None
        try:
            yield
        finally:
            # No await before this line: a cancelled action gives its turn back all the same.
            self._taken[name] -= 1
            self._taken += Counter()
            await asyncio.shield(asyncio.ensure_future(self._tell()))

    def _is_free(self, name: str) -> bool:
        return self._taken[name] < self._of_one and self._taken.total() < self._of_all

    async def _tell(self) -> None:
        async with self._freed:
            self._freed.notify_all()


class Sessions:
    """See the module's docstring."""

    def __init__(self, turns: Turns | None = None) -> None:
        self._turns = turns or Turns()

    async def run(self, access: Access, seconds: float, action: Action[T]) -> T | ServerProblem:
        """Log in and do it, all within `seconds` once it is its turn."""
        server = access.server
        if server.state is not ServerState.CONFIRMED:
            raise ValueError(f"{server.server_id} is not confirmed: nothing may log in there")
        deadline = 0.0
        try:
            async with self._turns.turn(server.address):
                deadline = asyncio.get_running_loop().time() + seconds
                async with asyncio.timeout_at(deadline), _connected(access, deadline) as connection:
                    return await action(connection)
        except EXPECTED as error:
            # Past the deadline the connection was cut by ourselves.
            late = 0 < deadline <= asyncio.get_running_loop().time()
            return problem_of(TimeoutError() if late else error, server.address, server.user)

    async def scan(self, host: str, port: int, address: str, seconds: float) -> asyncssh.SSHKey | ServerProblem:
        """The host key that is shown there; the connection ends before any login."""
        try:
            async with self._turns.turn(address), asyncio.timeout(seconds):
                key = await asyncssh.get_server_host_key(
                    host, port, server_host_key_algs=HOST_KEY_ALGORITHMS, config=None
                )
        except EXPECTED as error:
            return problem_of(error, address)
        if key is None:
            return ServerProblem(Trouble.NOT_SSH, f"{address} shows no host key of a kind that is known here")
        return key


@asynccontextmanager
async def _connected(access: Access, deadline: float) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection that is cut at the deadline: with a mute server even tidying up would wait for ever."""
    server = access.server
    pinned = asyncssh.import_public_key(server.host_key.public_key)
    connection = await asyncssh.connect(
        server.host,
        server.port,
        username=server.user,
        known_hosts=([pinned], [], []),
        server_host_key_algs=_pinned_first(server.host_key.algorithm),
        config=None,
        connect_timeout=CONNECT_SECONDS,
        login_timeout=LOGIN_SECONDS,
        keepalive_interval=10,
        **await _credentials(access.login),
    )
    cut = asyncio.get_running_loop().call_at(deadline, connection.abort)
    try:
        yield connection
    finally:
        cut.cancel()
        connection.close()
        with suppress(TimeoutError, OSError, asyncssh.Error):
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.wait_closed()
        # A server that reads nothing any more would keep the socket for ever.
        connection.abort()


def _pinned_first(algorithm: str) -> list[str]:
    """A server that shows a key of another kind has changed its key, which is not "no common algorithm"."""
    family = algorithm.removeprefix("ssh-")[:3]
    return sorted(HOST_KEY_ALGORITHMS, key=lambda one: one != algorithm and not one.startswith(family))


async def _credentials(login: Login) -> dict[str, Any]:
    """What asyncssh is told; everything that it would else look for by itself is switched off."""
    none: dict[str, Any] = {"client_keys": None, "password": None, "agent_path": None, "gss_auth": False}
    match login:
        case KeyLogin():
            return none | {"client_keys": [await read_key(login)], "preferred_auth": "publickey"}
        case PasswordLogin(password):
            return none | {"password": password, "preferred_auth": "password,keyboard-interactive"}
        case AgentLogin():
            path = os.environ.get("SSH_AUTH_SOCK")
            if not path:
                detail = "the deployer runs without an SSH agent (SSH_AUTH_SOCK): start it with one, or use a key"
                raise Failed(Trouble.LOGIN_REFUSED, detail)
            return none | {"agent_path": path, "client_keys": (), "preferred_auth": "publickey"}


async def read_key(login: KeyLogin) -> asyncssh.SSHKey:
    """The key, opened with its passphrase. Raises Failed."""
    try:
        # An encrypted key is opened by a slow function, on purpose.
        return await asyncio.to_thread(asyncssh.import_private_key, login.private_key, login.passphrase)
    except asyncssh.KeyEncryptionError:
        detail = "the passphrase does not open this private key: send the right one"
        raise Failed(Trouble.KEY_NOT_OPENED, detail) from None
    except (asyncssh.KeyImportError, ValueError) as error:
        if login.passphrase is None and "assphrase" in str(error):
            detail = "this private key is encrypted: send its passphrase with it"
            raise Failed(Trouble.KEY_IS_ENCRYPTED, detail) from None
        detail = "this is no private key that can be read: send the whole file, as ssh-keygen writes it"
        raise Failed(Trouble.KEY_UNREADABLE, detail) from None
