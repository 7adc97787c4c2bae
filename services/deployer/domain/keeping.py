"""How secrets are kept in the database: sealed under master keys that are not in it. `key_ring` implements the port."""

from collections.abc import Sequence
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
