"""The Telegram port: one live login per account, the messages it hears, what it says, and what can go wrong.

Implemented by `telegram.telethon_client` and, for tests, `telegram.in_memory`, under one contract suite. A
connection is never repaired from inside: when it ends, `ended` says why and the account's runner connects anew, so
that every wait and every failure is visible to the operator. Chats are numeric ids as Telegram clients show them
(negative for groups and channels) and, where there is one, the username.
"""

from asyncio import Future
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class TelegramTrouble(Exception):
    """Something that Telegram or the way to it did not let happen.

    The text says what happened, `advice` what the operator can do about it where that is known. What follows is decided
    by the class alone (`domain.consequences`).
    """

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.advice = advice


class Unreachable(TelegramTrouble):
    """Not connected, or the connection ended: nothing was sent. Try again later."""


class Unanswered(Unreachable):
    """No answer in time, or the connection ended under a request: it may have been done or not."""


class ServerTrouble(TelegramTrouble):
    """Telegram answered that it cannot now, for reasons of its own: it may have been done or not."""


class FloodWait(TelegramTrouble):
    """Telegram orders the whole account to wait. `what` is the method that it was asked for."""

    def __init__(self, seconds: float, what: str, advice: str = "") -> None:
        super().__init__(f"Telegram asks this account to wait {seconds:.0f} s ({what})", advice)
        self.seconds = seconds


class ChatWait(TelegramTrouble):
    """One chat's slow mode: the account waits there and nowhere else."""

    def __init__(self, seconds: float, advice: str = "") -> None:
        super().__init__(f"slow mode: {seconds:.0f} s", advice)
        self.seconds = seconds


class ChatForbidden(TelegramTrouble):
    """The account may not speak in this chat, or there is no such chat."""


class Limited(TelegramTrouble):
    """Telegram lets the account read, but not write to people, for a time that it does not name."""


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
    """A message that somebody else wrote. `at` is when, by Telegram's clock.

    `text`: as it was written, but a command for the account by name is without it (see `domain.addressing`).
    `mentions_me`: its text names the account. `answers_me`: it is a reply to one of the account's messages.
    """

    chat_id: int
    chat_username: str | None
    private: bool
    sender_id: int
    sender_name: str
    text: str
    message_id: int
    at: datetime
    mentions_me: bool = False
    answers_me: bool = False


@dataclass(frozen=True)
class Newcomer:
    """Somebody who joined a group, by himself or brought by somebody; never the account itself.

    `message_id` is the service message's. Several people who were brought at once are newcomers of one message, told
    one right after the other.
    """

    chat_id: int
    chat_username: str | None
    user_id: int
    name: str
    message_id: int
    at: datetime


Heard = IncomingMessage | Newcomer
OnMessage = Callable[[Heard], None]
# Returns when everything that was heard before it was called is durable. Raises LedgerAway.
Durable = Callable[[], Awaitable[None]]


class TelegramConnection(Protocol):
    """A live login."""

    @property
    def user_id(self) -> int:
        """The account's own id."""
        ...

    async def send(self, peer: str | int, text: str, reply_to: int | None, random_id: int) -> None:
        """Say `text` in a chat, as it is. Raises TelegramTrouble.

        `random_id` (64 bits, signed, not 0) names the message: Telegram takes each once for a while, so sending again
        with the same never speaks twice. It returns normally when the message was there already.
        """
        ...

    async def react(self, peer: str | int, message_id: int, emoji: str) -> None:
        """Put an emoji under a message; again changes nothing. Raises TelegramTrouble."""
        ...

    async def probe(self) -> None:
        """Ask Telegram whether the login is alive. Raises TelegramTrouble."""
        ...

    def ended(self) -> "Future[TelegramTrouble]":
        """Done when the connection has ended by itself: why. Whoever no longer wants to know cancels it."""
        ...

    async def save(self, durable: Durable) -> bool:
        """Write the login's state of this moment back to where it came from, once what was heard until now is durable.

        So a crash never leaves a state behind that is ahead of what was heard. What `durable` raises passes through,
        and then nothing is saved. Whether the state knows of all that was heard.
        """
        ...

    async def disconnect(self) -> None:
        """End the connection: nothing is heard afterwards, and only `save` is of use. Never raises; takes seconds."""
        ...


class Telegram(Protocol):
    """Makes live logins from the node's session files."""

    def data_centre(self, account_id: str) -> int:
        """Where the account's login lives, as far as its file was read; 0 if not yet."""
        ...

    async def connect(self, account_id: str, on_message: OnMessage) -> TelegramConnection:
        """Connect and prove the login alive. What is heard is given to `on_message` in its order; it must not block.

        Raises TelegramTrouble.
        """
        ...
