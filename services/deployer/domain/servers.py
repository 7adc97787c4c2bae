"""Servers that are reached by SSH: what is known of each, and which host key it is pinned to.

    (register: the key is scanned) ─▶ unconfirmed ──confirm(its fingerprint)──▶ confirmed
    unconfirmed, confirmed ──scan──▶ unconfirmed with the key that is shown now; the same key changes nothing

Nothing but the scan of the host key happens before an operator has confirmed it: no login, no password. A server that
then shows another key is not spoken to. Pure: no clock, no network. `ServerRows` is the port of their table
(`store.servers` and its twin).
"""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from services.deployer.domain.installations import Installation

DEFAULT_DIRECTORY = ".callboard"
# A folder of the server: absolute, or below the user's home. Plain words only, so that it means the same everywhere.
DIRECTORY_PATTERN = r"^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")


class ServerState(StrEnum):
    """Whether somebody has said that the host key is the server's own."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"


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
        """Write what can change of it, but for how one logs in there."""
        ...

    async def change_login(self, server: Server, sealed: bytes) -> None:
        """Write who logs in there and how, in place of what was; the server is locked."""
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
