"""The world's state and every change to it: who exists, who is where, what was said.

Pure: no network, no clock (callers pass `now`, whole seconds), no TL types. RPC handlers, the admin API and the
audience job all go through it. A change lists what it touched in `changed`; the store writes that and empties it.
What Telegram would refuse raises `Refusal` with Telegram's name for it, and then nothing has changed.
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.telegram_sandbox.world.models import (
    ROOM,
    Message,
    Refusal,
    Room,
    RoomKind,
    User,
    private_key,
)

_FIRST_USER, _FIRST_GROUP, _FIRST_SUPERGROUP = 5_000_000_001, 4_000_001, 1_500_000_001
"""Apart from each other, because Telethon's entity cache has one name space for all bare ids."""

_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")
_MENTION = re.compile(r"(?<!\w)@([A-Za-z][A-Za-z0-9_]{3,31})")
MAX_TEXT = 4096

ChangeRef = tuple[str, str]
"""("user", id), ("room", key) or ("message", "<room key>/<id>")."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What someone wants to say; `random_id` is his own name for it, by which saying it again is told."""

    text: str
    reply_to: int | None = None
    entities: bytes = b""
    random_id: int | None = None


class World:
    """See the module's docstring. `history` bounds the messages kept for each room."""

    def __init__(self, seed: int = 0, history: int = 500) -> None:
        self.users: dict[int, User] = {}
        self.rooms: dict[str, Room] = {}
        self.next_message_id = 1
        self.changed: set[ChangeRef] = set()
        self._history = history
        self._seed = seed
        self._usernames: dict[str, User | Room] = {}
        self._rooms_of: dict[int, set[str]] = {}
        self._random_ids: set[tuple[int, int]] = set()

    # Finding.

    def user(self, user_id: int) -> User:
        """Raises `Refusal` USER_ID_INVALID."""
        try:
            return self.users[user_id]
        except KeyError:
            raise Refusal("USER_ID_INVALID") from None

    def room(self, key: str) -> Room:
        """Raises `Refusal` CHANNEL_INVALID or CHAT_ID_INVALID."""
        try:
            return self.rooms[key]
        except KeyError:
            raise Refusal("CHANNEL_INVALID" if key.startswith("c:") else "CHAT_ID_INVALID") from None

    def room_by_chat_id(self, chat_id: int) -> Room:
        """By the id that clients show (-100… or negative). Raises `Refusal`."""
        if chat_id < -1_000_000_000_000:
            return self.room(f"c:{-chat_id - 1_000_000_000_000}")
        return self.room(f"g:{-chat_id}")

    def named(self, username: str) -> User | Room:
        """Raises `Refusal` USERNAME_NOT_OCCUPIED."""
        try:
            return self._usernames[username.removeprefix("@").lower()]
        except KeyError:
            raise Refusal("USERNAME_NOT_OCCUPIED") from None

    def user_by_phone(self, phone: str) -> User | None:
        """Whose phone this is."""
        digits = phone_digits(phone)
        return next((u for u in self.users.values() if u.phone == digits), None)

    def user_by_token(self, token: str) -> User | None:
        """The bot with this token."""
        return next((u for u in self.users.values() if u.token and u.token == token), None)

    def room_by_invite(self, invite: str) -> Room:
        """Raises `Refusal` INVITE_HASH_EXPIRED."""
        for room in self.rooms.values():
            if room.invite and room.invite == invite:
                return room
        raise Refusal("INVITE_HASH_EXPIRED")

    def rooms_of(self, user_id: int) -> list[Room]:
        """The user's rooms, the one with the newest message first."""
        rooms = [self.rooms[key] for key in self._rooms_of.get(user_id, ())]
        return sorted(rooms, key=lambda r: (r.newest.date if r.newest else r.created, r.key), reverse=True)

    def private_room(self, one: int, other: int) -> Room:
        """The two users' conversation, made when it is first needed. Raises `Refusal`."""
        key = private_key(self.user(one).id, self.user(other).id)
        if key not in self.rooms:
            room = Room(key=key, kind="private", id=0, members={one: 0, other: 0})
            self._keep(room)
        return self.rooms[key]

    # Making.

    def add_user(
        self, first_name: str, username: str | None = None, phone: str | None = None, bot: bool = False
    ) -> User:
        """A new user; a bot gets a token. Raises `Refusal` for a username or phone that is taken or impossible."""
        self._check_username(username)
        digits = phone_digits(phone) if phone else None
        if digits and self.user_by_phone(digits):
            raise Refusal("PHONE_NUMBER_OCCUPIED")
        user_id = max(self.users, default=_FIRST_USER - 1) + 1
        dice = self._dice(f"u:{user_id}")
        access_hash = dice.getrandbits(62) + 1
        token = f"{user_id}:{dice.getrandbits(128):032x}" if bot else None
        user = User(user_id, access_hash, first_name, username, digits, bot, token)
        self.restore_user(user)
        self.changed.add(("user", str(user.id)))
        return user

    def add_room(
        self, kind: RoomKind, title: str, username: str | None = None, members: Iterable[int] = (), now: int = 0
    ) -> Room:
        """A new group or supergroup; the first member is its creator. Raises `Refusal`."""
        self._check_username(username)
        joined = [self.user(user_id).id for user_id in members]
        first = _FIRST_SUPERGROUP if kind == "supergroup" else _FIRST_GROUP
        number = max((r.id for r in self.rooms.values() if r.kind == kind), default=first - 1) + 1
        key = f"{'c' if kind == 'supergroup' else 'g'}:{number}"
        dice = self._dice(key)
        room = Room(
            key=key,
            kind=kind,
            id=number,
            title=title,
            username=username,
            access_hash=dice.getrandbits(62) + 1,
            creator_id=joined[0] if joined else 0,
            created=now,
            invite=f"{dice.getrandbits(64):016x}",
            members=dict.fromkeys(joined, now),
        )
        self._keep(room)
        return room

    # Being there.

    def join(self, room: Room, user: User, now: int, inviter: User | None = None) -> Message | None:
        """Add a member and say so in the room; None if the user is there already."""
        if user.id in room.members:
            return None
        room.members[user.id] = now
        self._rooms_of.setdefault(user.id, set()).add(room.key)
        self.changed.add(("room", room.key))
        sender = inviter or user
        return self._post(room, sender.id, now, action="joined", subjects=[user.id])

    def leave(self, room: Room, user: User, now: int) -> Message:
        """Take a member out and say so in the room. Raises `Refusal` USER_NOT_PARTICIPANT."""
        if user.id not in room.members:
            raise Refusal("USER_NOT_PARTICIPANT")
        message = self._post(room, user.id, now, action="left", subjects=[user.id])
        del room.members[user.id]
        self._rooms_of[user.id].discard(room.key)
        self.changed.add(("room", room.key))
        return message

    def require_member(self, room: Room, user: User) -> None:
        """Raises `Refusal` as Telegram does for somebody who is not there."""
        if user.id not in room.members:
            raise Refusal("CHANNEL_PRIVATE" if room.kind == "supergroup" else "PEER_ID_INVALID")

    # Speaking.

    def say(self, room: Room, user: User, speech: Speech, now: int) -> Message:
        """A new message of a member. Raises `Refusal` for a bad text, a stranger, a repeat or a reply to nothing."""
        if speech.random_id is not None and (user.id, speech.random_id) in self._random_ids:
            raise Refusal("RANDOM_ID_DUPLICATE")
        if not speech.text.strip():
            raise Refusal("MESSAGE_EMPTY")
        if len(speech.text) > MAX_TEXT:
            raise Refusal("MESSAGE_TOO_LONG")
        if user.id not in room.members:
            raise Refusal("CHAT_WRITE_FORBIDDEN")
        if speech.reply_to is not None and speech.reply_to not in room.messages:
            raise Refusal("REPLY_MESSAGE_ID_INVALID")
        message = self._post(room, user.id, now)
        message.text, message.reply_to, message.entities = speech.text, speech.reply_to, speech.entities
        self._name(message, speech.random_id)
        message.mentions = self._mentioned(room, user, speech)
        return message

    def edit(self, room: Room, user: User, message_id: int, text: str, now: int) -> Message:
        """Change the text of one's own message. Raises `Refusal`."""
        message = self.message(room, message_id)
        if message.sender_id != user.id:
            raise Refusal("MESSAGE_AUTHOR_REQUIRED")
        if message.text == text:
            raise Refusal("MESSAGE_NOT_MODIFIED")
        message.text, message.edited, message.entities = text, now, b""
        self._advance(room, message)
        return message

    def delete(self, room: Room, user: User, message_ids: Iterable[int]) -> list[Message]:
        """Remove one's own messages; ids that are unknown or others' are passed over. One change for each."""
        held = [room.messages[i] for i in message_ids if i in room.messages]
        gone = [m for m in held if m.sender_id == user.id or room.creator_id == user.id]
        for message in gone:
            self._advance(room, message)
            self._drop(room, message)
        return gone

    def react(self, room: Room, user: User, message_id: int, emoji: str | None) -> Message:
        """Set or (None) take back the user's reaction. Raises `Refusal` MESSAGE_ID_INVALID or MESSAGE_NOT_MODIFIED."""
        message = self.message(room, message_id)
        if message.reactions.get(user.id) == emoji:
            raise Refusal("MESSAGE_NOT_MODIFIED")
        if emoji is None:
            message.reactions.pop(user.id, None)
        else:
            message.reactions[user.id] = emoji
        self._touch(room, message)
        return message

    def message(self, room: Room, message_id: int) -> Message:
        """Raises `Refusal` MESSAGE_ID_INVALID."""
        try:
            return room.messages[message_id]
        except KeyError:
            raise Refusal("MESSAGE_ID_INVALID") from None

    # What the store puts back.

    def restore_user(self, user: User) -> None:
        """Put a user in place as it is."""
        self.users[user.id] = user
        if user.username:
            self._usernames[user.username.lower()] = user

    def restore_room(self, room: Room) -> None:
        """Put a room in place as it is."""
        self.rooms[room.key] = room
        if room.username:
            self._usernames[room.username.lower()] = room
        for user_id in room.members:
            self._rooms_of.setdefault(user_id, set()).add(room.key)
        for message in room.messages.values():
            self._name(message, message.random_id)
        newest = room.newest
        if newest and room.kind != "supergroup":
            self.next_message_id = max(self.next_message_id, newest.id + 1)

    # Inside.

    def _post(
        self, room: Room, sender_id: int, now: int, action: str | None = None, subjects: Sequence[int] = ()
    ) -> Message:
        message = Message(self._next_id(room), sender_id, now, action=action, subjects=list(subjects))
        room.messages[message.id] = message
        self._advance(room, message)
        message.born = dict(message.changes)
        while len(room.messages) > self._history:
            self._drop(room, next(iter(room.messages.values())))
        return message

    def _advance(self, room: Room, message: Message) -> None:
        """Give the change its place in the sequence of everyone who sees it."""
        if room.kind == "supergroup":
            room.pts += 1
            message.changes[ROOM] = room.pts
        else:
            for user_id in room.members:
                user = self.users[user_id]
                user.pts += 1
                message.changes[user_id] = user.pts
                self.changed.add(("user", str(user_id)))
        self._touch(room, message)

    def _name(self, message: Message, random_id: int | None) -> None:
        message.random_id = random_id
        if random_id is not None:
            self._random_ids.add((message.sender_id, random_id))

    def _drop(self, room: Room, message: Message) -> None:
        """Forget a message; readers that have not seen it are told that they are too far behind."""
        del room.messages[message.id]
        self._random_ids.discard((message.sender_id, message.random_id or 0))
        for owner, pts in message.born.items():
            if owner == ROOM:
                room.floor = max(room.floor, pts)
            elif owner in self.users:
                self.users[owner].floor = max(self.users[owner].floor, pts)
        self._touch(room, message)

    def _touch(self, room: Room, message: Message) -> None:
        self.changed.add(("message", f"{room.key}/{message.id}"))
        self.changed.add(("room", room.key))

    def _keep(self, room: Room) -> None:
        self.restore_room(room)
        self.changed.add(("room", room.key))

    def _next_id(self, room: Room) -> int:
        if room.kind == "supergroup":
            room.next_id += 1
            return room.next_id - 1
        self.next_message_id += 1
        return self.next_message_id - 1

    def _mentioned(self, room: Room, speaker: User, speech: Speech) -> set[int]:
        names = {name.lower() for name in _MENTION.findall(speech.text)}
        found = {u.id for u in map(self._usernames.get, names) if isinstance(u, User)}
        if speech.reply_to is not None:
            found.add(room.messages[speech.reply_to].sender_id)
        return (found & room.members.keys()) - {speaker.id}

    def _check_username(self, username: str | None) -> None:
        if username is None:
            return
        if not _USERNAME.fullmatch(username):
            raise Refusal("USERNAME_INVALID")
        if username.lower() in self._usernames:
            raise Refusal("USERNAME_OCCUPIED")

    def _dice(self, name: str) -> random.Random:
        """Secrets of one thing, the same in every world of this seed, whatever was made before."""
        return random.Random(f"{self._seed}/{name}")


def phone_digits(phone: str) -> str:
    """A phone number without its plus and spaces, as clients send it."""
    return re.sub(r"\D", "", phone)
