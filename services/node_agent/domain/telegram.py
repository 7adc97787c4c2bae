"""The Telegram port: one live login per account, the messages it hears, what it says, and what can go wrong.

Implemented by `telegram.telethon_client` and, for tests, `telegram.in_memory`, under one contract suite. A
connection is never repaired from inside: when it ends, `ended` says why and the account's runner connects anew, so
that every wait and every failure is visible to the operator. Chats are numeric ids as Telegram clients show them
(negative for groups and channels) and, where there is one, the username.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class TelegramTrouble(Exception):
    """Something that Telegram or the way to it did not let happen; the text is for the operator."""


class Unreachable(TelegramTrouble):
    """Not connected, or the connection ended: nothing was sent. Try again later."""


class Unanswered(Unreachable):
    """No answer in time: it may have been done or not, so it is not simply repeated."""


class FloodWait(TelegramTrouble):
    """Telegram orders the whole account to wait."""

    def __init__(self, seconds: float, what: str) -> None:
        super().__init__(f"Telegram asks to wait {seconds:.0f} s ({what})")
        self.seconds = seconds


class ChatWait(TelegramTrouble):
    """One chat's slow mode: the account waits there and nowhere else."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"slow mode: {seconds:.0f} s")
        self.seconds = seconds


class ChatForbidden(TelegramTrouble):
    """The account may not speak in this chat, or there is no such chat."""


class Limited(TelegramTrouble):
    """Telegram limits the account because of reports of spam (PEER_FLOOD)."""


class Refused(TelegramTrouble):
    """Telegram refused this one request for a reason that says nothing about the login."""


class DeadLogin(TelegramTrouble):
    """The login is gone for ever; only another session file helps. The text is the cause."""


class SuspectLogin(TelegramTrouble):
    """The data centre does not know the key: perhaps for now, perhaps for ever."""


class UnusableSession(TelegramTrouble):
    """The session file cannot be used; the text says what is wrong with it."""


@dataclass(frozen=True)
class IncomingMessage:
    """A message that another account wrote. `at` is when, by Telegram's clock."""

    chat_id: int
    chat_username: str | None
    private: bool
    sender_id: int
    sender_name: str
    text: str
    message_id: int
    at: datetime


OnMessage = Callable[[IncomingMessage], None]


class TelegramConnection(Protocol):
    """A live login."""

    @property
    def user_id(self) -> int:
        """The account's own id."""
        ...

    async def send(self, peer: str | int, text: str, reply_to: int | None) -> None:
        """Say `text` in a chat. Raises TelegramTrouble."""
        ...

    async def probe(self) -> None:
        """Ask Telegram whether the login is alive. Raises TelegramTrouble."""
        ...

    async def ended(self) -> TelegramTrouble:
        """Wait until the connection has ended by itself; why."""
        ...

    async def save(self) -> None:
        """Write the login's present state back to where it came from."""
        ...

    async def disconnect(self) -> None:
        """End the connection and save; never raises, and takes a few seconds at most."""
        ...


class Telegram(Protocol):
    """Makes live logins from the node's session files."""

    async def connect(self, account_id: str, on_message: OnMessage) -> TelegramConnection:
        """Connect and prove the login alive. Messages are given to `on_message` in their order; it must not block.

        Raises TelegramTrouble.
        """
        ...
