"""What an account or a supergroup has seen since a given `pts`.

Computed from the messages themselves (`born` and `changes`), so there is no second log to keep. Someone who is
behind the oldest message that is still kept gets `TooLong`. Deletions are not replayed: the `pts` simply jumps,
which is how clients see a difference anyway.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.telegram_sandbox.world.models import ROOM, Message, Room, User
from services.telegram_sandbox.world.world import World


@dataclass(frozen=True, slots=True)
class TooLong:
    """The reader is too far behind; `pts` is where to go on from."""

    pts: int


@dataclass(frozen=True, slots=True)
class Change:
    """A message that is new to the reader, or edited since."""

    room: Room
    message: Message
    pts: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """Changes in order; `pts` is where the reader then is; `final` when nothing is left."""

    changes: list[Change]
    pts: int
    final: bool


def account_difference(world: World, user: User, pts: int, limit: int) -> Difference | TooLong:
    """What happened in the user's private rooms and groups after `pts`."""
    if pts < user.floor:
        return TooLong(user.pts)
    rooms = (room for room in world.rooms_of(user.id) if room.kind != "supergroup")
    return _cut(_changes(rooms, user.id, pts), user.pts, limit)


def room_difference(room: Room, pts: int, limit: int) -> Difference | TooLong:
    """What happened in the supergroup after `pts`."""
    if pts < room.floor:
        return TooLong(room.pts)
    return _cut(_changes([room], ROOM, pts), room.pts, limit)


def _changes(rooms: Iterable[Room], owner: int, pts: int) -> Iterator[Change]:
    for room in rooms:
        for message in room.messages.values():
            changed = message.changes.get(owner, 0)
            if changed > pts:
                yield Change(room, message, changed, is_new=message.born.get(owner, 0) > pts)


def _cut(found: Iterator[Change], newest: int, limit: int) -> Difference:
    changes = sorted(found, key=lambda change: change.pts)
    if len(changes) <= limit:
        return Difference(changes, newest, final=True)
    kept = changes[:limit]
    return Difference(kept, kept[-1].pts, final=False)
