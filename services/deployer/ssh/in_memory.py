"""Servers in memory: the twin of `ssh.servers` for tests without a network.

A host has a key, logins that it lets in, and files. What is not in `hosts` is unreachable.
"""

import hashlib
from dataclasses import dataclass, field

from services.deployer.domain.installations import AgentBundle, Installed, Joining, Step
from services.deployer.domain.logins import KeyLogin, Login
from services.deployer.domain.reaching import (
    Access,
    AgentFound,
    ExchangeFile,
    Greeting,
    Placed,
    ServerStatus,
    Upload,
    Use,
)
from services.deployer.domain.server_problems import ServerProblem, Trouble
from services.deployer.domain.servers import HostKey, ServerState
from shared.contracts.parcels import INBOX, OUTBOX, is_file_name


@dataclass
class Host:
    """A host: `let_in` are its logins, `free` how many bytes it still takes (None: any number)."""

    key: HostKey
    let_in: set[Login] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    free: int | None = None
    agent: AgentFound = field(default_factory=lambda: AgentFound(running=False, version=None))


class InMemorySsh:
    """Hosts by name and port."""

    def __init__(self) -> None:
        self.hosts: dict[tuple[str, int], Host] = {}
        self.installed: list[dict[str, str] | None] = []
        self.joined: list[str | None] = []

    async def readable(self, login: Login) -> ServerProblem | None:
        """Only what looks like a key is one."""
        if isinstance(login, KeyLogin) and "PRIVATE KEY" not in login.private_key:
            return ServerProblem(Trouble.KEY_UNREADABLE, "this is no private key that can be read: send the whole file")
        return None

    async def scan(self, host: str, port: int) -> HostKey | ServerProblem:
        """The host's key."""
        found = self.hosts.get((host, port))
        return _unreachable(f"{host}:{port}") if found is None else found.key

    async def greet(self, access: Access) -> Greeting | ServerProblem:
        """Log in and leave."""
        host = self._entered(access)
        return host if isinstance(host, ServerProblem) else Greeting("SSH-2.0-memory", 0.01, 0.001)

    async def status(self, access: Access) -> ServerStatus | ServerProblem:
        """A look at the host."""
        host = self._entered(access)
        if isinstance(host, ServerProblem):
            return host
        return ServerStatus(Greeting("SSH-2.0-memory", 0.01, 0.001), load=(0.0, 0.0, 0.0), agent=host.agent)

    async def put(self, access: Access, upload: Upload) -> Placed | ServerProblem:
        """Keep a file."""
        host = self._entered(access)
        if isinstance(host, ServerProblem):
            return host
        path, size = access.server.path(*upload.names), len(upload.content)
        if host.free is not None and host.free < size:
            return ServerProblem(Trouble.DISK_FULL, f"the disk is full ({host.free} bytes are free): make room there")
        host.files[path] = upload.content
        return Placed(path, f"sha256:{hashlib.sha256(upload.content).hexdigest()}", size)

    async def install(
        self,
        access: Access,
        bundle: AgentBundle,
        settings: dict[str, str] | None,
        joining: Joining | None,
        step: Step,
    ) -> Installed | ServerProblem:
        """An agent runs at once."""
        host = self._entered(access)
        if isinstance(host, ServerProblem):
            return host
        await step("start")
        self.installed.append(settings)
        self.joined.append(None if joining is None else joining.token)
        host.agent = AgentFound(running=True, version=bundle.version)
        return Installed(bundle.version, "process")

    async def link(self, access: Access, use: Use) -> ServerProblem | None:
        """The host's files as an exchange."""
        host = self._entered(access)
        if isinstance(host, ServerProblem):
            return host
        await use(InMemoryExchange(host.files, access.server.path("exchange")))
        return None

    def _entered(self, access: Access) -> Host | ServerProblem:
        server = access.server
        if server.state is not ServerState.CONFIRMED:
            raise ValueError(f"{server.server_id} is not confirmed: nothing may log in there")
        host = self.hosts.get((server.host, server.port))
        if host is None:
            return _unreachable(server.address)
        if host.key != server.host_key:
            return ServerProblem(Trouble.HOST_KEY_CHANGED, f"{server.address} shows another host key: scan it again")
        if access.login not in host.let_in:
            return ServerProblem(Trouble.LOGIN_REFUSED, f"{server.address} does not let {server.user} in")
        return host


class InMemoryExchange:
    """An exchange folder in a host's files."""

    def __init__(self, files: dict[str, bytes], folder: str) -> None:
        self._files = files
        self._inbox, self._outbox = f"{folder}/{INBOX}/", f"{folder}/{OUTBOX}/"

    async def reports(self, most: int) -> list[ExchangeFile]:
        """Whole files of the outbox."""
        names = [path.removeprefix(self._outbox) for path in self._files if path.startswith(self._outbox)]
        return [ExchangeFile(name, self._files[self._outbox + name]) for name in names if is_file_name(name)][:most]

    async def taken(self, name: str) -> None:
        """Delete a report."""
        self._files.pop(self._outbox + name, None)

    async def refuse(self, name: str) -> None:
        """Set a report aside."""
        self._files[f"{self._outbox}{name}.refused"] = self._files.pop(self._outbox + name)

    async def waiting(self) -> int:
        """Orders in the inbox."""
        return sum(path.startswith(self._inbox) for path in self._files)

    async def order(self, name: str, content: bytes) -> None:
        """Put an order into the inbox."""
        self._files[self._inbox + name] = content


def _unreachable(address: str) -> ServerProblem:
    return ServerProblem(Trouble.UNREACHABLE, f"nothing listens at {address}: see whether sshd runs there")
