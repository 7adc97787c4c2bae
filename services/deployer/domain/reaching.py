"""What is done at a confirmed server over SSH: the port (`ssh.servers` and its twin implement it) and what it gives.

A look tells each thing by itself, a file is put in its place whole or not at all, a link is a folder in which an agent
and the deployer put files for each other. What fails is a `ServerProblem`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from services.deployer.domain.installations import AgentBundle, Installed, Joining, Step
from services.deployer.domain.logins import Login
from services.deployer.domain.server_problems import ServerProblem
from services.deployer.domain.servers import HostKey, Server


@dataclass(frozen=True, slots=True)
class Access:
    """A confirmed server and how to log in there."""

    server: Server
    login: Login


@dataclass(frozen=True, slots=True)
class Greeting:
    """A login that worked. Times in seconds."""

    software: str
    connect_seconds: float
    latency_seconds: float


@dataclass(frozen=True, slots=True)
class AgentFound:
    """What the agent's status file and its process say. None is what could not be told."""

    running: bool | None
    version: str | None
    node_id: str | None = None
    beat_at: str | None = None
    broker: str | None = None
    lease: str | None = None


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """A look at a server. Every field is by itself: what the server does not tell is None, and `unknown` says why."""

    greeting: Greeting
    load: tuple[float, float, float] | None = None
    memory_total: int | None = None
    memory_available: int | None = None
    disk_total: int | None = None
    disk_free: int | None = None
    uptime_seconds: float | None = None
    agent: AgentFound | None = None
    unknown: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that is in its place, whole: the hash is of what was read back."""

    path: str
    hash: str
    size: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to put below the server's directory."""

    names: tuple[str, ...]
    content: bytes = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class ExchangeFile:
    """A file that the agent wants carried; None for one that is larger than any message."""

    name: str
    content: bytes | None = field(repr=False)


class Exchange(Protocol):
    """An open link: the folder in which a server's agent and the deployer put files for each other."""

    async def reports(self, most: int) -> list[ExchangeFile]:
        """Whole files of the outbox, the oldest first; they stay there."""
        ...

    async def taken(self, name: str) -> None:
        """Delete a report that is safe."""
        ...

    async def refuse(self, name: str) -> None:
        """Set a report aside that nobody can read, so that it is not carried for ever."""
        ...

    async def waiting(self) -> int:
        """How many orders the agent has not taken out of its inbox."""
        ...

    async def order(self, name: str, content: bytes) -> None:
        """Put an order into the inbox, whole."""
        ...


Use = Callable[[Exchange], Awaitable[None]]


class Ssh(Protocol):
    """Servers over SSH. Every call has a timeout, and waits its turn: sessions are bounded, for each and for all."""

    async def readable(self, login: Login) -> ServerProblem | None:
        """Why this login could never work, before anybody is asked; None if nothing is known against it."""
        ...

    async def scan(self, host: str, port: int) -> HostKey | ServerProblem:
        """The host key that is shown there; nobody logs in."""
        ...

    async def greet(self, access: Access) -> Greeting | ServerProblem:
        """Log in, ask one thing, and leave."""
        ...

    async def status(self, access: Access) -> ServerStatus | ServerProblem:
        """A look at the server."""
        ...

    async def put(self, access: Access, upload: Upload) -> Placed | ServerProblem:
        """Put a file in its place whole or not at all."""
        ...

    async def install(
        self,
        access: Access,
        bundle: AgentBundle,
        settings: dict[str, str] | None,
        joining: Joining | None,
        step: Step,
    ) -> Installed | ServerProblem:
        """Install the agent or bring it to this version; a failure leaves what ran before running.

        A machine that is no node yet joins with `joining`.
        """
        ...

    async def link(self, access: Access, use: Use) -> ServerProblem | None:
        """Open a link and use it until `use` ends or the link breaks; every few minutes it is opened anew."""
        ...
