"""The fan-out: telling every connected session of a room's members what has changed.

Called after each change of the world, by method handlers, the admin API and the audience alike. An update is
serialised once for all readers that see the same bytes: in a supergroup everyone but the sender and those who
are mentioned. Nothing is queued for absent readers: they ask for the difference when they are back.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from services.telegram_sandbox.mtproto.connection import Connection
from services.telegram_sandbox.mtproto.tl import encode, types
from services.telegram_sandbox.rpc import render
from services.telegram_sandbox.world.models import ROOM, Message, Room
from services.telegram_sandbox.world.world import World


class Audience(Protocol):
    """Who is connected."""

    def connections_of_user(self, user_id: int) -> Iterable[Connection]:
        """The user's connections that want updates."""
        ...


class Delivery:
    """See the module's docstring."""

    def __init__(self, world: World, audience: Audience, now: Callable[[], int]) -> None:
        self._world, self._audience, self._now = world, audience, now

    def posted(self, room: Room, message: Message, besides: Connection | None = None) -> None:
        """A new message; `besides` is the connection whose call's result tells it already."""
        self._changed(room, message, besides, self.new_message_update)

    def edited(self, room: Room, message: Message, besides: Connection | None = None) -> None:
        """A message has a new text."""
        self._changed(room, message, besides, self.edit_update)

    def reacted(self, room: Room, message: Message) -> None:
        """A message's reactions have changed."""
        self._changed(room, message, None, self._reaction_update)

    def deleted(self, room: Room, message: Message, besides: Connection | None = None) -> None:
        """A message is gone."""
        self._changed(room, message, besides, self._deletion_update)

    def membership(self, room: Room, user_id: int) -> None:
        """The user has joined or left: its clients look the chat up again."""
        if room.kind == "supergroup":
            update = types.UpdateChannel(channel_id=room.id)
            self._send([user_id], encode(self.updates([update], room, [], user_id)), None)

    def new_message_update(self, room: Room, message: Message, viewer_id: int, pts: int) -> Any:
        """TL `updateNewMessage` or `updateNewChannelMessage`."""
        kind = types.UpdateNewChannelMessage if room.kind == "supergroup" else types.UpdateNewMessage
        return kind(message=render.message_view(room, message, viewer_id), pts=pts, pts_count=1)

    def edit_update(self, room: Room, message: Message, viewer_id: int, pts: int) -> Any:
        """TL `updateEditMessage` or `updateEditChannelMessage`."""
        kind = types.UpdateEditChannelMessage if room.kind == "supergroup" else types.UpdateEditMessage
        return kind(message=render.message_view(room, message, viewer_id), pts=pts, pts_count=1)

    def updates(self, updates: list[Any], room: Room, messages: list[Message], viewer_id: int) -> Any:
        """TL `updates` with the users and the chat that they speak of."""
        people = render.people_of(room, messages)
        return types.Updates(
            updates=updates,
            users=render.users_view(self._world, people, viewer_id),
            chats=render.rooms_view([room], viewer_id),
            date=render.moment(self._now()),
            seq=0,
        )

    def _changed(
        self, room: Room, message: Message, besides: Connection | None,
        update: Callable[[Room, Message, int, int], Any],
    ) -> None:  # fmt: skip
        if room.kind == "supergroup":
            self._to_supergroup(room, message, besides, update)
            return
        for user_id, pts in message.changes.items():
            if self._listens(user_id):
                told = self.updates([update(room, message, user_id, pts)], room, [message], user_id)
                self._send([user_id], encode(told), besides)

    def _to_supergroup(
        self, room: Room, message: Message, besides: Connection | None,
        update: Callable[[Room, Message, int, int], Any],
    ) -> None:  # fmt: skip
        pts = message.changes[ROOM]
        special = {message.sender_id, room.creator_id, *message.mentions, *message.subjects}
        listeners = {user_id for user_id in room.members if self._listens(user_id)}
        for user_id in listeners & special:
            told = self.updates([update(room, message, user_id, pts)], room, [message], user_id)
            self._send([user_id], encode(told), besides)
        if plain := listeners - special:
            nobody = render.NOBODY
            told = self.updates([update(room, message, nobody, pts)], room, [message], nobody)
            self._send(plain, encode(told), besides)

    def _reaction_update(self, room: Room, message: Message, viewer_id: int, pts: int) -> Any:
        return types.UpdateMessageReactions(
            peer=render.peer_of(room, viewer_id),
            msg_id=message.id,
            reactions=render.reactions_view(message),
        )

    def _deletion_update(self, room: Room, message: Message, viewer_id: int, pts: int) -> Any:
        if room.kind == "supergroup":
            return types.UpdateDeleteChannelMessages(room.id, [message.id], pts=pts, pts_count=1)
        return types.UpdateDeleteMessages([message.id], pts=pts, pts_count=1)

    def _listens(self, user_id: int) -> bool:
        return any(True for _ in self._audience.connections_of_user(user_id))

    def _send(self, user_ids: Iterable[int], body: bytes, besides: Connection | None) -> None:
        for user_id in user_ids:
            for connection in self._audience.connections_of_user(user_id):
                if connection is not besides:
                    connection.push(body)
