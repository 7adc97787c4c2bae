"""How secrets are kept in the database: sealed under master keys that are not in it. `key_ring` implements the port."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class NotOpened(Exception):
    """What is sealed does not open; says why and what brings it back, and nothing of what is in it."""


class Keys(Protocol):
    """The master keys. `purpose` is the kind of secret, `bound_to` the row that it is of."""

    @property
    def active(self) -> str:
        """The id of the key that seals."""
        ...

    @property
    def ids(self) -> Sequence[str]:
        """The ids of every key, the active one first."""
        ...

    def seal(self, purpose: str, bound_to: str, content: bytes) -> bytes:
        """What may be stored."""
        ...

    def open(self, purpose: str, bound_to: str, sealed: bytes) -> bytes:
        """The content. Raises NotOpened."""
        ...


class Shelf(StrEnum):
    """The kinds of secrets that are sealed under master keys; the name is the purpose that they are sealed for."""

    SESSION_KEYS = "session keys"
    SERVER_LOGINS = "logins of servers"
    KEY_PAIRS = "key pairs"


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One secret as it is stored; `row_id` is what it is bound to."""

    shelf: Shelf
    row_id: str
    sealed: bytes = field(repr=False)


class SealedRows(Protocol):
    """Every sealed secret, whatever its table; for the rotation of master keys."""

    async def counts(self) -> Mapping[str, int]:
        """How many secrets are sealed under each master key, by its id; `former` is what was sealed before the ring."""
        ...

    async def claim(self, key_id: str, most: int) -> Sequence[SealedRow]:
        """Some secrets that are sealed under another key, locked; what another transaction holds is passed over."""
        ...

    async def put(self, rows: Sequence[SealedRow]) -> None:
        """Write secrets that are locked."""
        ...


class KeyUse(StrEnum):
    """What a key pair of the deployer's is for."""

    SEALING = "sealing"
    SIGNING = "signing"


@dataclass(frozen=True, slots=True)
class KeptPair:
    """A key pair; the private half is sealed (`Shelf.KEY_PAIRS`, bound to `key_id`)."""

    key_id: str
    use: KeyUse
    public: bytes
    sealed: bytes = field(repr=False)
    created_at: datetime


class KeyPairs(Protocol):
    """The deployer's own key pairs, which every replica has alike."""

    async def of(self, use: KeyUse) -> Sequence[KeptPair]:
        """The pairs for one use, the newest first."""
        ...

    async def lock(self) -> None:
        """Keep other transactions from adding a pair until the end of this one."""
        ...

    async def add(self, pair: KeptPair) -> None:
        """Insert one."""
        ...

    async def remove(self, key_id: str) -> None:
        """Forget one."""
        ...
