"""What goes into the engine and what comes out of it.

The agent makes an `Incoming` of each message that others wrote, and carries out the effects in order.
Chats are addresses as `chats` describes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")


class Randomness(Protocol):
    """The dice an engine is given. `shared.randomness.Randomness` and `random.Random` both fit."""

    def uniform(self, a: float, b: float, /) -> float:
        """A number between `a` and `b`."""

    def choice(self, seq: Sequence[T], /) -> T:
        """One of the items of `seq`, which is not empty."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that somebody else wrote. Messages of the account itself never reach the engine."""

    chat: str
    sender: str
    sender_id: int
    text: str
    message_id: int


@dataclass(frozen=True, slots=True)
class SendText:
    """Say `text` in `chat`; as an answer to the message `reply_to` unless it is None."""

    chat: str
    text: str
    reply_to: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A conversation was ended by a mistake that only playing could show: tell the operator."""

    scene: str
    step: int
    message: str
    chat: str = ""


Effect = SendText | Fault
