"""Telegram in memory: the port's twin, a small world of chats for tests in virtual time.

Accounts are made with `add_account`, guests speak with `say`, and what everybody said is in `said`. Troubles are
injected per account: for the next connects, for the next sends, or at once with `drop` and `kill`. A message that was
said while an account was away is heard when it comes back, as after Telethon's catch-up.
"""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field

from services.node_agent.domain.telegram import (
    ChatForbidden,
    DeadLogin,
    IncomingMessage,
    OnMessage,
    TelegramTrouble,
    Unreachable,
    UnusableSession,
)
from shared.clock import Clock


@dataclass
class Chat:
    """A group: its id as clients show it, its username, and its members' user ids."""

    chat_id: int
    username: str | None
    members: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Said:
    """A message in the world."""

    chat_id: int
    sender_id: int
    text: str
    reply_to: int | None
    message_id: int


@dataclass
class _Login:
    user_id: int
    dead: DeadLogin | None = None
    unheard: list[IncomingMessage] = field(default_factory=list)
    connection: "InMemoryConnection | None" = None


class InMemoryTelegram:
    """Implements `domain.telegram.Telegram`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.said: list[Said] = []
        self.connects: defaultdict[str, int] = defaultdict(int)
        self.connect_troubles: defaultdict[str, deque[TelegramTrouble]] = defaultdict(deque)
        self.send_troubles: defaultdict[str, deque[TelegramTrouble]] = defaultdict(deque)
        self._logins: dict[str, _Login] = {}
        self._names: dict[int, str] = {}
        self._chats: dict[int, Chat] = {}

    def add_account(self, account_id: str, user_id: int) -> None:
        """An account whose session file is on the node; again revives a dead one."""
        self._logins[account_id] = _Login(user_id)
        self._names[user_id] = account_id

    def add_guest(self, user_id: int, name: str) -> None:
        """Somebody who is no account of the node."""
        self._names[user_id] = name

    def add_chat(self, chat_id: int, username: str | None, *members: int) -> None:
        """A group with its members."""
        self._chats[chat_id] = Chat(chat_id, username, set(members))

    def say(self, chat_id: int, sender_id: int, text: str, reply_to: int | None = None) -> int:
        """Speak in a group; the message's id."""
        chat = self._chats[chat_id]
        return self._spread(chat, sender_id, text, reply_to)

    def connected(self, account_id: str) -> bool:
        """Whether the account has a live connection."""
        return self._logins[account_id].connection is not None

    def drop(self, account_id: str) -> None:
        """Cut the account's connection."""
        self._end(account_id, Unreachable("the connection to Telegram ended"))

    def kill(self, account_id: str, cause: str = "SESSION_REVOKED") -> None:
        """End the account's login for ever."""
        login = self._logins[account_id]
        login.dead = DeadLogin(cause)
        self._end(account_id, login.dead)

    async def connect(self, account_id: str, on_message: OnMessage) -> "InMemoryConnection":
        """Connect and prove the login alive. Raises TelegramTrouble."""
        self.connects[account_id] += 1
        await asyncio.sleep(0)
        if self.connect_troubles[account_id]:
            raise self.connect_troubles[account_id].popleft()
        login = self._logins.get(account_id)
        if login is None:
            raise UnusableSession("the session file holds no login")
        if login.dead is not None:
            raise login.dead
        assert login.connection is None, f"{account_id} is live twice"
        login.connection = InMemoryConnection(self, account_id, login.user_id, on_message)
        for message in login.unheard:
            on_message(message)
        login.unheard.clear()
        return login.connection

    def send(self, account_id: str, peer: str | int, text: str, reply_to: int | None) -> None:
        """Speak as an account. Raises TelegramTrouble."""
        if self.send_troubles[account_id]:
            raise self.send_troubles[account_id].popleft()
        login = self._logins[account_id]
        if login.dead is not None:
            raise login.dead
        if login.connection is None:
            raise Unreachable("not connected to Telegram")
        named = str(peer).removeprefix("@").lower()
        chat = next(
            (each for each in self._chats.values() if named in (str(each.chat_id), (each.username or "").lower())), None
        )
        if chat is None or login.user_id not in chat.members:
            raise ChatForbidden(f"this account is no member of {peer}")
        self._spread(chat, login.user_id, text, reply_to)

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

    def _spread(self, chat: Chat, sender_id: int, text: str, reply_to: int | None) -> int:
        message_id = len(self.said) + 1
        self.said.append(Said(chat.chat_id, sender_id, text, reply_to, message_id))
        message = IncomingMessage(
            chat_id=chat.chat_id,
            chat_username=chat.username,
            private=False,
            sender_id=sender_id,
            sender_name=self._names.get(sender_id, ""),
            text=text,
            message_id=message_id,
            at=self.clock.now(),
        )
        for login in list(self._logins.values()):
            if login.user_id not in chat.members or login.user_id == sender_id:
                continue
            if login.connection is not None:
                login.connection.hear(message)
            else:
                login.unheard.append(message)
        return message_id


class InMemoryConnection:
    """Implements `domain.telegram.TelegramConnection`."""

    def __init__(self, world: InMemoryTelegram, account_id: str, user_id: int, on_message: OnMessage) -> None:
        self._world = world
        self._account_id = account_id
        self._user_id = user_id
        self._on_message = on_message
        self._ended: asyncio.Future[TelegramTrouble] = asyncio.get_running_loop().create_future()
        self.saves = 0

    @property
    def user_id(self) -> int:
        """The account's own id."""
        return self._user_id

    def hear(self, message: IncomingMessage) -> None:
        """A message has come."""
        self._on_message(message)

    def end(self, trouble: TelegramTrouble) -> None:
        """The connection ends by itself."""
        self._world.disconnected(self._account_id, self)
        if not self._ended.done():
            self._ended.set_result(trouble)

    async def send(self, peer: str | int, text: str, reply_to: int | None) -> None:
        """Say `text` in a chat. Raises TelegramTrouble."""
        await asyncio.sleep(0)
        self._world.send(self._account_id, peer, text, reply_to)

    async def probe(self) -> None:
        """Raises DeadLogin for a dead login."""
        await asyncio.sleep(0)
        self._world.check(self._account_id)

    async def ended(self) -> TelegramTrouble:
        """Wait until the connection has ended by itself; why."""
        return await asyncio.shield(self._ended)

    async def save(self) -> None:
        """Count the saving."""
        self.saves += 1

    async def disconnect(self) -> None:
        """End the connection."""
        self._world.disconnected(self._account_id, self)
