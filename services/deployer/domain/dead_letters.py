"""Dead letters as people see them, and what can become of one."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be handled. What its sender or the broker did not say is None.

    `body` is text; with `encoding` `base64` it is the base64 of bytes that are no text.
    """

    id: str
    queue: str | None
    exchange: str | None
    routing_key: str | None
    reason: str | None
    at: str | None
    type: str | None
    body: str
    encoding: str


@dataclass(frozen=True, slots=True)
class NoSuchLetter:
    """No letter with this id is in the queue: it was replayed, dropped, or has expired."""


@dataclass(frozen=True, slots=True)
class NotReplayable:
    """The letter stays where it is, and why."""

    reason: str


class DeadLetters(Protocol):
    """The queue of dead letters. Every method raises Unavailable when the broker is away."""

    async def listed(self, limit: int) -> list[DeadLetter]:
        """The oldest letters; they stay in the queue."""
        ...

    async def one(self, letter_id: str) -> DeadLetter | NoSuchLetter:
        """One letter; it stays in the queue."""
        ...

    async def replay(self, letter_id: str) -> DeadLetter | NoSuchLetter | NotReplayable:
        """Publish it where it was published first; it leaves the queue once the broker has confirmed."""
        ...

    async def drop(self, letter_id: str) -> DeadLetter | NoSuchLetter:
        """Remove it for good."""
        ...
