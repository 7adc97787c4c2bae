"""Telegram in memory: the port's twin, a small world of chats for tests in virtual time.

Accounts are made with `add_account`, guests speak with `say`, and what everybody said is in `said`. Troubles are
injected per account: for the next connects, for the next sends, or at once with `drop` and `kill`. A message that was
said while an account was away is heard when it comes back, as after Telethon's catch-up, and so is what it had heard
and whose state was not saved. `lost_answers` are troubles that come after a message was said: nobody knows that it was.

`at` is the same world for the logins of one node: they are read there when an account connects and written when it is
saved, so that a login that moves takes its place in what was heard along.
"""

import asyncio
import re
from collections import defaultdict, deque
from dataclasses import dataclass, field

from services.node_agent.domain.accounts import SessionFile
from services.node_agent.domain.addressing import without_own_name
from services.node_agent.domain.ports import SessionBytes
from services.node_agent.domain.telegram import (
    ChatForbidden,
    DeadLogin,
    Durable,
    Heard,
    IncomingMessage,
    Newcomer,
    OnMessage,
    Refused,
    TelegramTrouble,
    Unreachable,
    UnusableSession,
)
from shared.clock import Clock

_MENTION = re.compile(r"(?<!\w)@(\w+)")


def login_of(account_id: str, heard: int = 0) -> bytes:
    """What stands for a login that has heard so much."""
    return f"{account_id} {heard}".encode()


def place_in(content: bytes, otherwise: int) -> int:
    """How much the login has heard; `otherwise` for one that does not say so."""
    found = re.fullmatch(rb"\S+ (\d+)", content)
    return int(found[1]) if found else otherwise


@dataclass
class Chat:
    """A group, or an account's private chat with a guest: its id as the account's client shows it, and who is in it."""

    chat_id: int
    username: str | None
    members: set[int] = field(default_factory=set)
    private: bool = False


@dataclass(frozen=True)
class Said:
    """A message in the world."""

    chat_id: int
    sender_id: int
    text: str
    reply_to: int | None
    message_id: int
    reactions: dict[int, str] = field(default_factory=dict, compare=False)


@dataclass
class _Login:
    user_id: int
    username: str
    dead: DeadLogin | None = None
    # Everything that was to be heard, and how much of it was when the login was saved last.
    heard: list[Heard] = field(default_factory=list)
    saved: int = 0
    at: "TelegramAt | None" = None
    connection: "InMemoryConnection | None" = None


class InMemoryTelegram:
    """Implements `domain.telegram.Telegram`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.said: list[Said] = []
        self.connects: defaultdict[str, int] = defaultdict(int)
        self.connect_troubles: defaultdict[str, deque[TelegramTrouble]] = defaultdict(deque)
        self.send_troubles: defaultdict[str, deque[TelegramTrouble]] = defaultdict(deque)
        self.lost_answers: defaultdict[str, deque[TelegramTrouble]] = defaultdict(deque)
        self._away = False
        self._logins: dict[str, _Login] = {}
        self._names: dict[int, str] = {}
        self._chats: dict[int, Chat] = {}
        self._private: dict[tuple[int, int], Chat] = {}
        self._random_ids: set[tuple[int, int]] = set()

    def add_account(self, account_id: str, user_id: int, username: str | None = None) -> None:
        """An account whose session file is on the node; again revives a dead one. Named by its id, if by no other."""
        self._logins[account_id] = _Login(user_id, (username or account_id).lower())
        self._names[user_id] = account_id

    def add_guest(self, user_id: int, name: str) -> None:
        """Somebody who is no account of the node."""
        self._names[user_id] = name

    def add_chat(self, chat_id: int, username: str | None, *members: int) -> None:
        """A group with its members."""
        self._chats[chat_id] = Chat(chat_id, username, set(members))

    def say(self, chat_id: int, sender_id: int, text: str, reply_to: int | None = None) -> int:
        """Speak in a group; the message's id."""
        return self._say(self._chats[chat_id], sender_id, text, reply_to)

    def write(self, guest_id: int, account_id: str, text: str, reply_to: int | None = None) -> int:
        """Write to an account in private; the message's id."""
        return self._say(self._private_chat(self._logins[account_id], guest_id), guest_id, text, reply_to)

    def join(self, chat_id: int, *user_ids: int) -> int:
        """Somebody comes into a group; the service message's id."""
        chat, message_id = self._chats[chat_id], len(self.said) + 1
        chat.members.update(user_ids)
        self.said.append(Said(chat_id, user_ids[0], "", None, message_id))
        for user_id in user_ids:
            newcomer = Newcomer(
                chat_id, chat.username, user_id, self._names.get(user_id, ""), message_id, self.clock.now()
            )
            for login in self._listeners(chat, user_id):
                self._tell(login, newcomer)
        return message_id

    def connected(self, account_id: str) -> bool:
        """Whether the account has a live connection."""
        return self._logins[account_id].connection is not None

    def drop(self, account_id: str) -> None:
        """Cut the account's connection."""
        self._end(account_id, Unreachable("the connection to Telegram ended"))

    def go_away(self) -> None:
        """Nobody can reach Telegram any more."""
        self._away = True
        for account_id in self._logins:
            self.drop(account_id)

    def come_back(self) -> None:
        """Telegram can be reached again."""
        self._away = False

    def crash(self, account_id: str) -> None:
        """The account's agent is gone at once, and has saved nothing at its end."""
        self._logins[account_id].connection = None

    def saved(self, account_id: str, heard: int) -> None:
        """The account's state was saved when it had heard so much."""
        self._logins[account_id].saved = heard

    def at(self, logins: SessionBytes, whose: object = None) -> "TelegramAt":
        """Telegram for a node that has these logins; `whose` is told of its connections."""
        return TelegramAt(self, logins, whose)

    def kill(self, account_id: str, cause: str = "SESSION_REVOKED") -> None:
        """End the account's login for ever."""
        login = self._logins[account_id]
        login.dead = DeadLogin(cause)
        self._end(account_id, login.dead)

    def data_centre(self, account_id: str) -> int:
        """Everybody lives in the same."""
        return 2

    def bring(self, account_id: str, content: bytes, at: "TelegramAt") -> None:
        """The account is about to connect there, with this login."""
        login = self._logins.get(account_id)
        if login is not None:
            login.at, login.saved = at, place_in(content, login.saved)

    async def connect(self, account_id: str, on_message: OnMessage) -> "InMemoryConnection":
        """Connect and prove the login alive. Raises TelegramTrouble."""
        self.connects[account_id] += 1
        await asyncio.sleep(0)
        if self._away:
            raise Unreachable("no connection to Telegram (connection refused)")
        if self.connect_troubles[account_id]:
            raise self.connect_troubles[account_id].popleft()
        login = self._logins.get(account_id)
        if login is None:
            raise UnusableSession("the session file holds no login")
        if login.dead is not None:
            raise login.dead
        assert login.connection is None, f"{account_id} is live twice"
        connection = login.connection = InMemoryConnection(self, account_id, login.user_id, on_message)
        connection.begin(login.saved, login.at)
        for heard in login.heard[login.saved :]:
            connection.hear(heard)
        return connection

    def send(self, account_id: str, peer: str | int, text: str, reply_to: int | None, random_id: int) -> None:
        """Speak as an account. Raises TelegramTrouble."""
        if self.send_troubles[account_id]:
            raise self.send_troubles[account_id].popleft()
        login, chat = self._speaker(account_id), self._chat(account_id, peer)
        if (login.user_id, random_id) not in self._random_ids:
            self._random_ids.add((login.user_id, random_id))
            self._say(chat, login.user_id, text, reply_to)
        if self.lost_answers[account_id]:
            raise self.lost_answers[account_id].popleft()

    def react(self, account_id: str, peer: str | int, message_id: int, emoji: str) -> None:
        """Put an emoji under a message. Raises TelegramTrouble."""
        login, chat = self._speaker(account_id), self._chat(account_id, peer)
        for said in self.said:
            if (said.chat_id, said.message_id) == (chat.chat_id, message_id):
                said.reactions[login.user_id] = emoji
                return
        raise Refused(f"MESSAGE_ID_INVALID: there is no message {message_id} in {peer}")

    def disconnected(self, account_id: str, connection: "InMemoryConnection") -> None:
        """The connection has ended."""
        login = self._logins[account_id]
        if login.connection is connection:
            login.connection = None

    def check(self, account_id: str) -> None:
        """Raises DeadLogin for a dead login."""
        login = self._logins[account_id]
        if login.dead is not None:
            raise login.dead

    def _end(self, account_id: str, trouble: TelegramTrouble) -> None:
        connection = self._logins[account_id].connection
        if connection is not None:
            connection.end(trouble)

    def _speaker(self, account_id: str) -> _Login:
        login = self._logins[account_id]
        if login.dead is not None:
            raise login.dead
        if login.connection is None:
            raise Unreachable("not connected to Telegram")
        return login

    def _chat(self, account_id: str, peer: str | int) -> Chat:
        login, named = self._logins[account_id], str(peer).removeprefix("@").lower()
        if isinstance(peer, int) and peer in self._names:
            return self._private_chat(login, peer)
        for chat in self._chats.values():
            if named in (str(chat.chat_id), (chat.username or "").lower()) and login.user_id in chat.members:
                return chat
        raise ChatForbidden(f"this account is no member of {peer}")

    def _private_chat(self, login: _Login, guest_id: int) -> Chat:
        made = Chat(guest_id, None, {login.user_id, guest_id}, private=True)
        return self._private.setdefault((login.user_id, guest_id), made)

    def _say(self, chat: Chat, sender_id: int, text: str, reply_to: int | None) -> int:
        message_id = len(self.said) + 1
        self.said.append(Said(chat.chat_id, sender_id, text, reply_to, message_id))
        mentioned = {name.lower() for name in _MENTION.findall(text)}
        answered = self.said[reply_to - 1].sender_id if reply_to else None
        for login in self._listeners(chat, sender_id):
            message = IncomingMessage(
                chat_id=chat.chat_id,
                chat_username=chat.username,
                private=chat.private,
                sender_id=sender_id,
                sender_name=self._names.get(sender_id, ""),
                text=without_own_name(text, (login.username,)),
                message_id=message_id,
                at=self.clock.now(),
                mentions_me=login.username in mentioned,
                answers_me=login.user_id == answered,
            )
            self._tell(login, message)
        return message_id

    def _listeners(self, chat: Chat, besides: int) -> list[_Login]:
        """Everybody in the chat but one."""
        return [login for login in self._logins.values() if login.user_id in chat.members - {besides}]

    def _tell(self, login: _Login, heard: Heard) -> None:
        login.heard.append(heard)
        if login.connection is not None:
            login.connection.hear(heard)


class TelegramAt:
    """Implements `domain.telegram.Telegram` for the logins of one node."""

    def __init__(self, world: InMemoryTelegram, logins: SessionBytes, whose: object) -> None:
        self._world = world
        self.logins = logins
        self.whose = whose

    def data_centre(self, account_id: str) -> int:
        """Everybody lives in the same."""
        return self._world.data_centre(account_id)

    async def connect(self, account_id: str, on_message: OnMessage) -> "InMemoryConnection":
        """Connect and prove the login alive. Raises TelegramTrouble."""
        try:
            content, file = await self.logins.read(account_id)
        except OSError as error:
            raise UnusableSession(f"the login cannot be read: {error}") from error
        self._world.bring(account_id, content, self)
        connection = await self._world.connect(account_id, on_message)
        connection.file = file
        return connection


class InMemoryConnection:
    """Implements `domain.telegram.TelegramConnection`."""

    def __init__(self, world: InMemoryTelegram, account_id: str, user_id: int, on_message: OnMessage) -> None:
        self._world = world
        self._account_id = account_id
        self._user_id = user_id
        self._on_message = on_message
        self._heard = self._saved = 0
        self.file: SessionFile | None = None
        self.at: TelegramAt | None = None
        self._ended: asyncio.Future[TelegramTrouble] = asyncio.get_running_loop().create_future()

    @property
    def user_id(self) -> int:
        """The account's own id."""
        return self._user_id

    def begin(self, saved: int, at: TelegramAt | None) -> None:
        """So much was heard before, and this is where the login is from."""
        self._heard = self._saved = saved
        self.at = at

    def hear(self, heard: Heard) -> None:
        """Something has come."""
        self._heard += 1
        self._on_message(heard)

    def end(self, trouble: TelegramTrouble) -> None:
        """The connection ends by itself."""
        self._world.disconnected(self._account_id, self)
        if not self._ended.done():
            self._ended.set_result(trouble)

    async def send(self, peer: str | int, text: str, reply_to: int | None, random_id: int) -> None:
        """Say `text` in a chat. Raises TelegramTrouble."""
        await asyncio.sleep(0)
        self._world.send(self._account_id, peer, text, reply_to, random_id)

    async def react(self, peer: str | int, message_id: int, emoji: str) -> None:
        """Put an emoji under a message. Raises TelegramTrouble."""
        await asyncio.sleep(0)
        self._world.react(self._account_id, peer, message_id, emoji)

    async def probe(self) -> None:
        """Raises DeadLogin for a dead login."""
        await asyncio.sleep(0)
        self._world.check(self._account_id)

    def ended(self) -> "asyncio.Future[TelegramTrouble]":
        """Done when the connection has ended by itself: why."""
        return asyncio.shield(self._ended)

    async def save(self, durable: Durable) -> bool:
        """What was heard until now does not come again after a crash."""
        heard = self._heard
        await durable()
        if self.at is not None and self.file is not None and heard != self._saved:
            await self.at.logins.write(self._account_id, login_of(self._account_id, heard), self.file)
        self._saved = heard
        self._world.saved(self._account_id, heard)
        return heard == self._heard

    async def disconnect(self) -> None:
        """End the connection."""
        self._world.disconnected(self._account_id, self)
