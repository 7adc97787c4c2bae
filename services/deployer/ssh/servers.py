"""The port `Ssh` on asyncssh. Every call opens a connection of its own and closes it; see `sessions` for the bounds.

Links keep theirs open, so they have turns of their own: a hundred of them leave an operator's look its turn.
"""

from time import monotonic

import asyncssh

from services.deployer.domain.installations import AgentBundle, Installed, Joining, Step
from services.deployer.domain.logins import KeyLogin, Login
from services.deployer.domain.reaching import Access, Greeting, Placed, ServerStatus, Upload, Use
from services.deployer.domain.server_problems import ServerProblem
from services.deployer.domain.servers import HostKey
from services.deployer.ssh.exchange import SftpExchange
from services.deployer.ssh.files import put, sftp_of
from services.deployer.ssh.installing import install
from services.deployer.ssh.looking import latency_of, look
from services.deployer.ssh.sessions import Sessions, read_key
from services.deployer.ssh.troubles import Failed

# A key exchange takes a tenth of a second on a small machine; the rest is a slow network.
SCAN_SECONDS = 10.0
GREET_SECONDS = 20.0
STATUS_SECONDS = 30.0
# With a turn's wait below the minute after which the console gives up.
PUT_SECONDS = 35.0
# An environment with all that the agent needs takes a slow server some minutes.
INSTALL_SECONDS = 900.0
# Longer than the term after which whoever uses a link opens it anew.
LINK_SECONDS = 900.0


class SshServers:
    """See the module's docstring."""

    def __init__(self, sessions: Sessions, links: Sessions) -> None:
        self._sessions = sessions
        self._links = links

    async def readable(self, login: Login) -> ServerProblem | None:
        """Why this login could never work."""
        if not isinstance(login, KeyLogin):
            return None
        try:
            await read_key(login)
        except Failed as failed:
            return failed.problem
        return None

    async def scan(self, host: str, port: int) -> HostKey | ServerProblem:
        """The host key that is shown there."""
        key = await self._sessions.scan(host, port, f"{host}:{port}", SCAN_SECONDS)
        if isinstance(key, ServerProblem):
            return key
        # Without the comment, which is the server's to choose.
        public_key = " ".join(key.export_public_key().decode().split()[:2])
        return HostKey(public_key, key.get_fingerprint())

    async def greet(self, access: Access) -> Greeting | ServerProblem:
        """Log in, ask one thing, and leave."""
        started = monotonic()

        async def ask(connection: asyncssh.SSHClientConnection) -> Greeting:
            connected = monotonic() - started
            async with sftp_of(connection) as sftp:
                return await _greeting(connection, sftp, connected)

        return await self._sessions.run(access, GREET_SECONDS, ask)

    async def status(self, access: Access) -> ServerStatus | ServerProblem:
        """A look at the server."""
        started = monotonic()

        async def ask(connection: asyncssh.SSHClientConnection) -> ServerStatus:
            connected = monotonic() - started
            async with sftp_of(connection) as sftp:
                return await look(sftp, access.server, await _greeting(connection, sftp, connected))

        return await self._sessions.run(access, STATUS_SECONDS, ask)

    async def put(self, access: Access, upload: Upload) -> Placed | ServerProblem:
        """Put a file in its place whole or not at all."""

        async def place(connection: asyncssh.SSHClientConnection) -> Placed:
            async with sftp_of(connection) as sftp:
                return await put(sftp, access.server.directory, upload)

        return await self._sessions.run(access, PUT_SECONDS, place)

    async def install(
        self,
        access: Access,
        bundle: AgentBundle,
        settings: dict[str, str] | None,
        joining: Joining | None,
        step: Step,
    ) -> Installed | ServerProblem:
        """Install the agent or bring it to this version."""
        return await self._sessions.run(
            access,
            INSTALL_SECONDS,
            lambda connection: install(connection, access.server, bundle, settings, joining, step),
        )

    async def link(self, access: Access, use: Use) -> ServerProblem | None:
        """Open a link and use it until `use` ends or the link breaks."""

        async def carry(connection: asyncssh.SSHClientConnection) -> None:
            async with sftp_of(connection) as sftp:
                exchange = SftpExchange(sftp, access.server.path("exchange"))
                await exchange.prepare()
                await use(exchange)

        return await self._links.run(access, LINK_SECONDS, carry)


async def _greeting(
    connection: asyncssh.SSHClientConnection, sftp: asyncssh.SFTPClient, connect_seconds: float
) -> Greeting:
    software = str(connection.get_extra_info("server_version", ""))
    return Greeting(software[:200], connect_seconds, await latency_of(sftp))
