"""How secrets are kept in the database: sealed under master keys that are not in it. `key_ring` implements the port."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

    def is_active(self, sealed: bytes) -> bool:
        """Whether the active key has sealed this."""
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


class VaultKeys(Protocol):
    """The key pairs that nodes seal logins to."""

    def opening(self) -> Sequence[bytes]:
        """The private halves, the one that nodes are told first. Raises Unavailable while there is none."""
        ...


class SessionSafe(Protocol):
    """Sessions at rest: each under a data key of its own, which is sealed under a master key.

    What comes out of it is packed (`shared.packing`), as it travels.
    """

    def new_key(self, account_id: str) -> bytes:
        """A data key, sealed."""
        ...

    def put(self, account_id: str, data_key: bytes, hash_: str, packed: bytes) -> bytes:
        """What may be stored. Raises NotOpened when the data key does not open."""
        ...

    def take(self, account_id: str, data_key: bytes, hash_: str, sealed: bytes) -> bytes:
        """The packed content. Raises NotOpened."""
        ...
