"""What a handler of a method call gets, and how it refuses.

A `Call` is one method call by one client. Handlers are plain functions `(Call, request) -> result`; the result is a
TL object, a bool or a list. They refuse by raising `RpcFault`, or let the world's `Refusal` through: `fault_of`
gives it the code that Telegram uses with that error.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from services.telegram_sandbox.mtproto.connection import Connection
from services.telegram_sandbox.mtproto.keys import AuthKey, KeyRing
from services.telegram_sandbox.rpc.delivery import Delivery
from services.telegram_sandbox.world.models import Refusal, User
from services.telegram_sandbox.world.world import World

Handler = Callable[["Call", Any], Any]
Routes = Mapping[Any, Handler]

_CODES = {
    "CHAT_WRITE_FORBIDDEN": 403,
    "CHAT_ADMIN_REQUIRED": 403,
    "MESSAGE_AUTHOR_REQUIRED": 403,
    "CHANNEL_PRIVATE": 406,
    "AUTH_KEY_DUPLICATED": 406,
    "RANDOM_ID_DUPLICATE": 500,
}


class RpcFault(Exception):
    """The call is answered with this code and error."""

    def __init__(self, code: int, error: str) -> None:
        super().__init__(f"{code} {error}")
        self.code, self.error = code, error


def fault_of(refusal: Refusal) -> RpcFault:
    """The world's refusal with Telegram's code for it; 400 unless it is known to be another."""
    error = str(refusal)
    return RpcFault(_CODES.get(error, 400), error)


class LoginCodes(Protocol):
    """Codes for signing in by phone."""

    def issue(self, phone: str) -> str:
        """Make a code for the phone; gives the hash that names it."""
        ...

    def accept(self, phone: str, code_hash: str, code: str) -> None:
        """Raises `Refusal` PHONE_CODE_EXPIRED or PHONE_CODE_INVALID."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where clients reach this sandbox: the only data centre that its configuration names."""

    address: str
    port: int
    dc_id: int


class Logins(Protocol):
    """Tells the server which user a connection belongs to now."""

    def signed_in(self, connection: Connection) -> None:
        """The connection's key has a user now."""


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers work with; made once in `app.py`."""

    world: World
    keys: KeyRing
    delivery: Delivery
    codes: LoginCodes
    logins: Logins
    place: Place
    now: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Call:
    """One method call. `now` is in whole seconds."""

    services: Services
    connection: Connection
    key: AuthKey
    now: int

    @property
    def world(self) -> World:
        """The world as it is."""
        return self.services.world

    @property
    def delivery(self) -> Delivery:
        """The fan-out."""
        return self.services.delivery

    @property
    def viewer(self) -> User:
        """Who is calling. Raises `RpcFault` 401 for a client that has not signed in."""
        if self.key.user_id is None:
            raise RpcFault(401, "AUTH_KEY_UNREGISTERED")
        return self.world.user(self.key.user_id)
