"""Servers that are reached by SSH: what is known of each, which host key it is pinned to, and what can go wrong.

    (register: the key is scanned) ─▶ unconfirmed ──confirm(its fingerprint)──▶ confirmed
    unconfirmed, confirmed ──scan──▶ unconfirmed with the key that is shown now; the same key changes nothing

Nothing but the scan of the host key happens before an operator has confirmed it: no login, no password. A server that
then shows another key is not spoken to. Pure: no clock, no network. The ports are `ServerRows` (`store.servers` and its
twin), `Ssh` (`ssh.servers`) and `Vault` (`secrets`); what fails is a `ServerProblem`, never an exception.
"""

import posixpath
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

DEFAULT_DIRECTORY = ".callboard"
# A folder of the server: absolute, or below the user's home. Plain words only, so that it means the same everywhere.
DIRECTORY_PATTERN = r"^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")


class ServerState(StrEnum):
    """Whether somebody has said that the host key is the server's own."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"


class Trouble(StrEnum):
    """The kinds of problem; stable, for programs."""

    UNREACHABLE = "server-unreachable"
    TIMED_OUT = "server-timed-out"
    CONNECTION_LOST = "connection-lost"
    NOT_SSH = "not-ssh"
    HOST_KEY_CHANGED = "host-key-changed"
    LOGIN_REFUSED = "login-refused"
    LOGIN_UNREADABLE = "login-unreadable"
    KEY_UNREADABLE = "key-unreadable"
    KEY_IS_ENCRYPTED = "key-needs-passphrase"
    KEY_NOT_OPENED = "passphrase-refused"
    NO_SFTP = "no-sftp"
    DISK_FULL = "disk-full"
    NOT_WRITABLE = "not-writable"
    DAMAGED = "transfer-damaged"
    BUSY = "server-busy"
    INSTALL_FAILED = "install-failed"


@dataclass(frozen=True, slots=True)
class ServerProblem:
    """Why something did not go, and what to do next. `detail` never holds a secret."""

    trouble: Trouble
    detail: str


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's public key as OpenSSH writes it (`ssh-ed25519 AAAA…`), and its fingerprint (`SHA256:…`)."""

    public_key: str
    fingerprint: str

    @property
    def algorithm(self) -> str:
        """Such as `ssh-ed25519`."""
        return self.public_key.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class KeyLogin:
    """A private key in any of OpenSSH's forms, with its passphrase if it has one."""

    private_key: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """A password."""

    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentLogin:
    """The keys of the SSH agent that the deployer's process was given (`SSH_AUTH_SOCK`)."""


Login = KeyLogin | PasswordLogin | AgentLogin


def kind_of(login: Login) -> str:
    """`key`, `password` or `agent`: all that is ever shown of a login."""
    match login:
        case KeyLogin():
            return "key"
        case PasswordLogin():
            return "password"
        case AgentLogin():
            return "agent"


@dataclass(frozen=True, slots=True)
class Server:
    """A server without its secrets. `link` asks for the agent's messages to be moved over SSH."""

    server_id: str
    host: str
    port: int
    user: str
    login: str
    host_key: HostKey
    created_at: datetime
    updated_at: datetime
    directory: str = DEFAULT_DIRECTORY
    node_id: str | None = None
    link: bool = False
    state: ServerState = ServerState.UNCONFIRMED

    @property
    def address(self) -> str:
        """Host and port, for sentences."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def path(self, *names: str) -> str:
        """A path below the server's directory."""
        return posixpath.join(self.directory, *names)


@dataclass(frozen=True, slots=True)
class OtherFingerprint:
    """What was to be confirmed is not what the server showed."""

    shown: str


def confirmed(server: Server, fingerprint: str, now: datetime) -> Server | OtherFingerprint:
    """Pin the key that was shown, if it is the one that the operator means."""
    if fingerprint != server.host_key.fingerprint:
        return OtherFingerprint(server.host_key.fingerprint)
    return replace(server, state=ServerState.CONFIRMED, updated_at=now)


def rescanned(server: Server, shown: HostKey, now: datetime) -> Server:
    """The server with the key that it shows now: another one has to be confirmed first."""
    if shown == server.host_key:
        return server
    return replace(server, host_key=shown, state=ServerState.UNCONFIRMED, updated_at=now)


def is_plain_directory(directory: str) -> bool:
    """Whether it leads nowhere else than it says: no `..`, no `.` in between."""
    return re.fullmatch(DIRECTORY_PATTERN, directory) is not None and not {".", ".."} & set(directory.split("/"))


def is_plain_name(name: str) -> bool:
    """Whether it is one file's name and nothing that a shell, a path or a terminal would take otherwise."""
    return _FILE_NAME.fullmatch(name) is not None


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


class InstallState(StrEnum):
    """How far an installation of the agent is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Installation:
    """The newest installation on a server. One that is past its deadline counts as failed: its deployer is gone."""

    state: InstallState
    step: str
    version: str
    started_at: datetime
    deadline_at: datetime
    finished_at: datetime | None = None
    detail: str | None = None
    trouble: Trouble | None = None

    def as_of(self, now: datetime) -> "Installation":
        """What it is by now."""
        if self.state is not InstallState.RUNNING or now < self.deadline_at:
            return self
        detail = f"the deployer that was at it is gone (last step: {self.step}); install again, it does no harm"
        return replace(
            self,
            state=InstallState.FAILED,
            finished_at=self.deadline_at,
            detail=detail,
            trouble=Trouble.INSTALL_FAILED,
        )


@dataclass(frozen=True, slots=True)
class AgentBundle:
    """The agent as it is uploaded: a wheel of this version, and the hashed list of what it needs."""

    version: str
    wheel_name: str
    wheel: bytes = field(repr=False)
    requirements: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Installed:
    """An agent that runs. `way` is `systemd` or `process`."""

    version: str
    way: str


Step = Callable[[str], Awaitable[None]]


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


class Vault(Protocol):
    """Logins, sealed for the database."""

    def seal(self, server_id: str, login: Login) -> bytes:
        """What may be stored: it says nothing without the deployer's secret."""
        ...

    def open(self, server_id: str, sealed: bytes) -> Login | ServerProblem:
        """The login, or that it was sealed with another secret."""
        ...


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
        self, access: Access, bundle: AgentBundle, settings: dict[str, str] | None, step: Step
    ) -> Installed | ServerProblem:
        """Install the agent or bring it to this version; a failure leaves what ran before running."""
        ...

    async def link(self, access: Access, use: Use) -> ServerProblem | None:
        """Open a link and use it until `use` ends or the link breaks; every few minutes it is opened anew."""
        ...


class ServerRows(Protocol):
    """The table of servers with their sealed logins."""

    async def add(self, server: Server, sealed: bytes) -> bool:
        """Insert one; False when there is one of this id, or another link of its node."""
        ...

    async def one(self, server_id: str) -> Server | None:
        """One server."""
        ...

    async def lock(self, server_id: str) -> Server | None:
        """One server, locked until the end of the transaction."""
        ...

    async def sealed(self, server_id: str) -> bytes | None:
        """Its sealed login."""
        ...

    async def save(self, server: Server) -> None:
        """Write what can change of it."""
        ...

    async def remove(self, server_id: str) -> bool:
        """Forget it with its login; whether it was there."""
        ...

    async def page(self, after: str | None, limit: int) -> Sequence[Server]:
        """Servers by id."""
        ...

    async def linked(self) -> Sequence[Server]:
        """Confirmed servers whose agents' messages are to be moved, by id."""
        ...

    async def installation(self, server_id: str) -> Installation | None:
        """The newest installation there."""
        ...

    async def note_installation(self, server_id: str, installation: Installation) -> None:
        """Write how far it is; a server that was removed meanwhile takes no note."""
        ...
