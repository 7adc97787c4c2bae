"""Logins that came from the vault: held in memory and nowhere else, and their newest states on the way back.

A login is the bytes of a Telethon session file. `packed` is such bytes compressed, which is how they are held and how
they travel, sealed. `hash` and `size` are always of the bytes themselves.
"""

import zlib
from dataclasses import dataclass
from datetime import datetime

from services.node_agent.domain.accounts import SessionFile
from shared.contracts.identifiers import content_hash

# In place of the file's name, for accounts whose login is not in the folder.
VAULT = "vault"


@dataclass(frozen=True)
class Login:
    """A login as the vault sent it: the assignment's epoch, the vault's version, its hash."""

    epoch: int
    version: int
    hash: str

    @property
    def file(self) -> SessionFile:
        """What stands in the place of a session file."""
        return SessionFile(f"{VAULT}:{self.version}", self.hash)


@dataclass(frozen=True)
class LoginState:
    """A login at a moment."""

    hash: str
    size: int
    packed: bytes

    def __repr__(self) -> str:
        return f"LoginState({self.hash})"


def state_of(content: bytes) -> LoginState:
    """The state that these bytes are."""
    return LoginState(content_hash(content), len(content), zlib.compress(content))


@dataclass(frozen=True)
class HandedBack:
    """A state on its way to the vault, `sealed` to it. `(epoch, boot, number)` rises for each account.

    `answers` is the vault's order that it answers.
    """

    account_id: str
    epoch: int
    boot: int
    number: int
    hash: str
    size: int
    final: bool
    at: datetime
    sealed: bytes
    answers: str | None = None

    def __repr__(self) -> str:
        return f"HandedBack({self.account_id!r}, {self.epoch}, {self.hash})"


@dataclass(frozen=True)
class PendingState:
    """A state that the vault has not stored yet, without its content."""

    account_id: str
    epoch: int
    boot: int
    number: int
    hash: str


class UnusableLogin(Exception):
    """A login that was sent is of no use; the text says why, and nothing of the login."""
