"""What the sandbox's world is made of. Plain values; `world.py` owns every change.

A room is a private conversation, a basic group or a supergroup. Supergroups number their messages and
changes (`pts`) themselves; in the two other kinds every account has its own `pts` and message ids come from one
counter of the whole world, which is enough for "rising and unique for each account".
`Message.changes` maps the owner of a sequence (a user id, or 0 for the supergroup itself) to the `pts` of the
message's newest change, and `born` to that of its creation: differences are computed from these alone.
"""

from dataclasses import dataclass, field
from typing import Literal

RoomKind = Literal["private", "group", "supergroup"]

ROOM = 0
"""The owner of a supergroup's own sequence in `Message.born` and `Message.changes`."""


class Refusal(Exception):
    """The world does not allow this; the text is Telegram's name for the reason, such as PEER_ID_INVALID."""


@dataclass(slots=True)
class User:
    """An account, a bot or a guest (a user that no client runs)."""

    id: int
    access_hash: int
    first_name: str
    username: str | None = None
    phone: str | None = None
    bot: bool = False
    token: str | None = None
    pts: int = 1
    floor: int = 1


@dataclass(slots=True)
class Message:
    """One message, or a service message when `action` says what happened (joined, left, created).

    `random_id` is its sender's own name for it.
    """

    id: int
    sender_id: int
    date: int
    text: str = ""
    reply_to: int | None = None
    entities: bytes = b""
    random_id: int | None = None
    action: str | None = None
    subjects: list[int] = field(default_factory=list)
    edited: int | None = None
    reactions: dict[int, str] = field(default_factory=dict)
    mentions: set[int] = field(default_factory=set)
    born: dict[int, int] = field(default_factory=dict)
    changes: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Room:
    """A conversation with its bounded history, oldest first."""

    key: str
    kind: RoomKind
    id: int
    title: str = ""
    username: str | None = None
    access_hash: int = 0
    creator_id: int = 0
    created: int = 0
    invite: str = ""
    members: dict[int, int] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    next_id: int = 1
    pts: int = 1
    floor: int = 1

    @property
    def chat_id(self) -> int:
        """The id that clients show: -100… for supergroups, negative for groups, 0 for private rooms."""
        if self.kind == "supergroup":
            return -(1_000_000_000_000 + self.id)
        return -self.id if self.kind == "group" else 0

    @property
    def newest(self) -> Message | None:
        """The last message."""
        return next(reversed(self.messages.values()), None)


def private_key(one: int, other: int) -> str:
    """The key of two users' private room; both may be the same (saved messages)."""
    return f"u:{min(one, other)}:{max(one, other)}"
