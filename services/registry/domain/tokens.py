"""Tokens: who may ask, with which role, until when. A token itself is shown once and is never stored, only its hash.

Two tokens that have not been revoked never have the same name, so a name in the audit log is one person or program.
Nodes get their tokens when they join, and those are kept with their keys (`enrolments.py`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.contracts.roles import Role

# Names that no token may have: the bearer of the installation's own token is `root`.
RESERVED = frozenset({"root", "nobody"})
# Found by scanners of secrets in what was published by mistake.
BEGINNING = "cbt_"


@dataclass(frozen=True)
class NewToken:
    """A token to be stored. It ends after so many seconds by the store's clock; None: never."""

    id: str
    name: str
    role: Role
    hash: str
    valid_seconds: float | None
    created_by: str


@dataclass(frozen=True)
class Token:
    """A token as it is stored. `ended` is by the store's clock; `last_used_at` is known to the minute."""

    id: str
    name: str
    role: Role
    created_at: datetime
    created_by: str
    ends_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    ended: bool

    @property
    def opens(self) -> bool:
        """Whether its bearer is let in."""
        return self.revoked_at is None and not self.ended


@dataclass(frozen=True)
class NameTaken:
    """There is a token of this name that has not been revoked."""

    id: str


class TokenStore(Protocol):
    """The tokens' rows. Everything raises `Unavailable` when the store is away."""

    async def add(self, token: NewToken) -> Token | NameTaken:
        """Store a token."""
        ...

    async def page(self, dead: bool, after: tuple[str, str], limit: int) -> list[Token]:
        """Tokens by name and id, after those of one; those that open nothing any more only when `dead`."""
        ...

    async def living(self, name: str) -> Token | None:
        """The token of this name that has not been revoked."""
        ...

    async def revoke(self, token_id: str, by: str) -> Token | None:
        """Revoke a token; one that was revoked before stays as it is."""
        ...

    async def use(self, hash_: str) -> Token | None:
        """The token of this hash; that it was used is noted at most once a minute."""
        ...
