"""What goes into the engine and what comes out of it.

The agent makes an `Incoming` of each message that others wrote and a `Newcomer` of everybody who joins a
chat, and carries out the effects in order. Chats are addresses as `chats` describes them.
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
    """A message that somebody else wrote. Messages of the account itself never reach the engine.

    `mentions_me`: it names the account. `answers_me`: it is a reply to a message of the account.
    """

    chat: str
    sender: str
    sender_id: int
    text: str
    message_id: int
    mentions_me: bool = False
    answers_me: bool = False


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who has joined a chat; `message_id` is the service message that says so."""

    chat: str
    name: str
    user_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class SendText:
    """Say `text` in `chat`; as an answer to the message `reply_to` unless it is None."""

    chat: str
    text: str
    reply_to: int | None


@dataclass(frozen=True, slots=True)
class React:
    """Put `emoji` under the message `message_id`."""

    chat: str
    message_id: int
    emoji: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake that only playing could show: tell the operator.

    In a step it has ended the conversation. `step` is None when it was in a condition: then the scene was
    not begun, and the message went on to the next.
    """

    scene: str
    step: int | None
    message: str
    chat: str = ""

    @property
    def place(self) -> str:
        """Where in the script, as the check names places."""
        return f"scenes.{self.scene}" + (f".steps[{self.step}]" if self.step is not None else ".conditions")


Effect = SendText | React | Fault
