"""The world as Telegram's objects, as one viewer sees it.

Pure functions from users, rooms and messages to TL objects. What differs between viewers is only who "self" is,
what is outgoing and who is mentioned; the fan-out relies on that to serialise once for all the others.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from services.telegram_sandbox.mtproto.tl import make, parse, types
from services.telegram_sandbox.world.models import Message, Room, User
from services.telegram_sandbox.world.world import World

NOBODY = 0
"""A viewer who is nobody in particular: for whom nothing is outgoing and no user is self."""


def moment(seconds: int) -> datetime:
    """A time as Telethon serialises it."""
    return datetime.fromtimestamp(seconds, UTC)


def user_view(user: User, viewer_id: int) -> Any:
    """TL `user`."""
    return types.User(
        id=user.id,
        is_self=user.id == viewer_id or None,
        bot=user.bot or None,
        bot_chat_history=user.bot or None,
        bot_info_version=1 if user.bot else None,
        access_hash=user.access_hash,
        first_name=user.first_name,
        username=user.username,
        phone=user.phone if user.id == viewer_id else None,
    )


def room_view(room: Room, viewer_id: int) -> Any:
    """TL `chat` or `channel` (a megagroup)."""
    left = viewer_id != NOBODY and viewer_id not in room.members
    shared = {
        "id": room.id,
        "title": room.title,
        "photo": types.ChatPhotoEmpty(),
        "date": moment(room.created),
        "creator": viewer_id == room.creator_id or None,
        "left": left or None,
        "participants_count": len(room.members),
    }
    if room.kind == "group":
        return make(types.Chat, version=1, **shared)
    return make(
        types.Channel, megagroup=True, access_hash=room.access_hash, username=room.username,
        default_banned_rights=make(types.ChatBannedRights), **shared,
    )  # fmt: skip


def peer_of(room: Room, viewer_id: int) -> Any:
    """TL peer of a room; a private room's is the other one."""
    if room.kind == "supergroup":
        return types.PeerChannel(room.id)
    if room.kind == "group":
        return types.PeerChat(room.id)
    return types.PeerUser(other_of(room, viewer_id))


def other_of(room: Room, viewer_id: int) -> int:
    """The other user of a private room (oneself in one's saved messages)."""
    return next((user_id for user_id in room.members if user_id != viewer_id), viewer_id)


def message_view(room: Room, message: Message, viewer_id: int) -> Any:
    """TL `message` or `messageService`."""
    shared = {
        "id": message.id,
        "peer_id": peer_of(room, viewer_id),
        "date": moment(message.date),
        "out": message.sender_id == viewer_id or None,
        "from_id": types.PeerUser(message.sender_id),
        "mentioned": viewer_id in message.mentions or None,
        "reply_to": types.MessageReplyHeader(reply_to_msg_id=message.reply_to) if message.reply_to else None,
        "reactions": reactions_view(message) if message.reactions else None,
    }
    if message.action:
        return types.MessageService(action=_action_view(message), **shared)
    return types.Message(
        message=message.text,
        entities=parse(message.entities) if message.entities else None,
        edit_date=moment(message.edited) if message.edited else None,
        **shared,
    )


def reactions_view(message: Message) -> Any:
    """TL `messageReactions`."""
    counts = Counter(message.reactions.values())
    return types.MessageReactions(
        results=[
            make(types.ReactionCount, reaction=types.ReactionEmoji(emoji), count=count)
            for emoji, count in sorted(counts.items())
        ],
        can_see_list=True,
    )


def people_of(room: Room, messages: Iterable[Message]) -> set[int]:
    """The users that a reader of these messages must know."""
    people = {user_id for m in messages for user_id in (m.sender_id, *m.subjects, *m.mentions)}
    return people | (set(room.members) if room.kind == "private" else set())


def users_view(world: World, user_ids: Iterable[int], viewer_id: int) -> list[Any]:
    """TL users, those that exist."""
    return [user_view(world.users[i], viewer_id) for i in sorted(user_ids) if i in world.users]


def rooms_view(rooms: Iterable[Room], viewer_id: int) -> list[Any]:
    """The chats among the rooms; private rooms have none."""
    return [room_view(room, viewer_id) for room in rooms if room.kind != "private"]


def dialog_view(room: Room, viewer_id: int) -> Any:
    """TL `dialog`; everything counts as read."""
    top = room.newest.id if room.newest else 0
    return make(
        types.Dialog,
        peer=peer_of(room, viewer_id),
        top_message=top,
        read_inbox_max_id=top,
        read_outbox_max_id=top,
        pts=room.pts if room.kind == "supergroup" else None,
    )


def _action_view(message: Message) -> Any:
    if message.action == "left":
        return types.MessageActionChatDeleteUser(user_id=message.subjects[0])
    return types.MessageActionChatAddUser(users=message.subjects)
