"""Signing in, in memory: the port's twin. `people` have phones, `bots` have tokens; every code is `CODE`."""

import asyncio
from dataclasses import dataclass, field

from services.node_agent.domain.sign_in import PasswordWanted, SignedIn, WrongAnswer
from services.node_agent.domain.telegram import Refused, TelegramTrouble

CODE = "12345"


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in; `content` is the login that comes of it."""

    user_id: int
    content: bytes
    password: str | None = None
    hint: str | None = None


@dataclass
class InMemoryDoor:
    """Implements `domain.sign_in.SignInDoor`. `trouble` is what every try meets."""

    people: dict[str, Person] = field(default_factory=dict)
    bots: dict[str, Person] = field(default_factory=dict)
    trouble: TelegramTrouble | None = None
    opened: int = 0
    closed: int = 0

    def open(self) -> "InMemorySigningIn":
        """A new try."""
        self.opened += 1
        return InMemorySigningIn(self)


class InMemorySigningIn:
    """Implements `domain.sign_in.SigningIn`."""

    def __init__(self, door: InMemoryDoor) -> None:
        self._door = door
        self._person: Person | None = None

    async def ask_code(self, phone: str) -> str:
        """A code is on its way. Raises TelegramTrouble."""
        await self._meet()
        self._person = self._door.people.get(phone.lstrip("+"))
        return "app"

    async def give_code(self, code: str) -> SignedIn | PasswordWanted:
        """Sign in with the code. Raises TelegramTrouble."""
        await self._meet()
        if code != CODE:
            raise WrongAnswer("this is not the code that Telegram sent")
        if self._person is None:
            raise Refused("no account has this phone number: make one in one of Telegram's own apps")
        if self._person.password is not None:
            return PasswordWanted(self._person.hint)
        return self._signed_in(self._person)

    async def give_password(self, password: str) -> SignedIn:
        """Finish with the password. Raises TelegramTrouble."""
        await self._meet()
        assert self._person is not None
        if password != self._person.password:
            raise WrongAnswer("this is not the account's two-step password")
        return self._signed_in(self._person)

    async def give_token(self, token: str) -> SignedIn:
        """Sign in as a bot. Raises TelegramTrouble."""
        await self._meet()
        bot = self._door.bots.get(token)
        if bot is None:
            raise Refused("no bot has this token: ask @BotFather for it")
        return self._signed_in(bot)

    async def close(self) -> None:
        """The try is over."""
        self._door.closed += 1

    async def _meet(self) -> None:
        await asyncio.sleep(0)
        if self._door.trouble is not None:
            raise self._door.trouble

    def _signed_in(self, person: Person) -> SignedIn:
        return SignedIn(person.content, person.user_id)
