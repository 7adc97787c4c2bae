"""Signing in at Telegram: the port, and what comes of it.

Implemented by `telegram.sign_in` and, for tests, by a twin, under one contract suite. Whatever goes wrong besides what
is named here comes out as a `TelegramTrouble`. No text of an error has the phone number, code, password or token in it.
"""

from dataclasses import dataclass
from typing import Protocol


class WrongAnswer(Exception):
    """The code or the password is not the right one; another may be given."""


@dataclass(frozen=True)
class SignedIn:
    """The new login, in the bytes of a session file, and whose it is."""

    content: bytes
    user_id: int

    def __repr__(self) -> str:
        return f"SignedIn({self.user_id})"


@dataclass(frozen=True)
class PasswordWanted:
    """The account has a two-step password; `hint` is its owner's."""

    hint: str | None = None


class SigningIn(Protocol):
    """One try, over one connection. Every method raises TelegramTrouble."""

    async def ask_code(self, phone: str) -> str:
        """Let Telegram send a code to the phone's owner; how it goes there (`app`, `sms`, …)."""
        ...

    async def give_code(self, code: str) -> SignedIn | PasswordWanted:
        """Sign in with the code. Raises WrongAnswer."""
        ...

    async def give_password(self, password: str) -> SignedIn:
        """Finish with the two-step password. Raises WrongAnswer."""
        ...

    async def give_token(self, token: str) -> SignedIn:
        """Sign in as a bot."""
        ...

    async def close(self) -> None:
        """End the connection; never raises."""
        ...


class SignInDoor(Protocol):
    """Where sign-ins begin."""

    def open(self) -> SigningIn:
        """A new try; nothing is connected before it is asked for something."""
        ...
