"""Changes that do not come from a client: what the admin API, the seed and the audience do.

Each is one change of the world, told to every connected session and saved. World refusals pass through.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.telegram_sandbox.rpc.delivery import Delivery
from services.telegram_sandbox.rpc.entities import entities_of
from services.telegram_sandbox.world.models import Message, Room, RoomKind, User
from services.telegram_sandbox.world.world import Speech, World


@dataclass(frozen=True, slots=True)
class Stage:
    """See the module's docstring."""

    world: World
    delivery: Delivery
    now: Callable[[], int]
    save: Callable[[], None]

    def add_user(
        self, first_name: str, username: str | None = None, phone: str | None = None, bot: bool = False
    ) -> User:
        """A new user or bot."""
        user = self.world.add_user(first_name, username, phone, bot)
        self.save()
        return user

    def add_room(self, kind: RoomKind, title: str, username: str | None, members: Iterable[int]) -> Room:
        """A new group or supergroup with its first members."""
        room = self.world.add_room(kind, title, username, members, self.now())
        self.save()
        return room

    def join(self, room: Room, users: Iterable[User]) -> list[User]:
        """Bring users in; gives those who were not there yet."""
        came = []
        for user in users:
            message = self.world.join(room, user, self.now())
            if message:
                came.append(user)
                self.delivery.membership(room, user.id)
                self.delivery.posted(room, message)
        self.save()
        return came

    def leave(self, room: Room, user: User) -> None:
        """Take a member out."""
        message = self.world.leave(room, user, self.now())
        self.delivery.membership(room, user.id)
        self.delivery.posted(room, message)
        self.save()

    def say(self, room: Room, user: User, text: str, reply_to: int | None = None) -> Message:
        """Speak as a user that no client runs (or that one does: the sandbox does not mind)."""
        message = self.world.say(room, user, Speech(text, reply_to, entities_of(text)), self.now())
        self.delivery.posted(room, message)
        self.save()
        return message
