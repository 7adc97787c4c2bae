"""From Telethon's exceptions to this project's, by Telegram's own name of the error where its codes mislead.

Code 401 and 406 errors are not all dead logins, so only the names in `MEANINGS` are. A name that is not there says
nothing about the login: it is `ServerTrouble` with a code of 500 and more, else `Refused`. docs/accounts.md has the
same table for operators, and a test holds the two together.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from telethon import errors
from telethon.errors.common import AuthKeyNotFound
from telethon.errors.rpcerrorlist import rpc_errors_dict, rpc_errors_re

from services.node_agent.domain.telegram import (
    ChatForbidden,
    ChatWait,
    DeadLogin,
    FloodWait,
    Limited,
    Refused,
    ServerTrouble,
    SuspectLogin,
    TelegramTrouble,
    Unanswered,
    Unreachable,
)
from shared.cancellation import cancelled_by_caller

# "Too many connections", said by the transport, names no time.
TRANSPORT_FLOOD_SECONDS = 60.0


@dataclass(frozen=True)
class Meaning:
    """What an error of Telegram's means here: the trouble, what happened, and what the operator can do."""

    kind: type[TelegramTrouble]
    what: str
    advice: str = ""


_SIGN_IN = "Sign in with this account again (`callboard sessions login`), or give it a new session file"
_APPEAL = "Only Telegram can give the account back: appeal there, and take the account off this node"
_TWICE = "Stop whatever else uses this session, then sign in again (`callboard sessions login`)"
_SPAM = "Ask @SpamBot with this account how long it lasts, and let it write only where it is expected"
_FROZEN = "Open the account in one of Telegram's own apps, which says why and how to appeal"
_RIGHTS = "Let an admin of the chat give the account the right to write, or take the chat out of the script"
_JOIN = "Let the account join the chat, or take the chat out of the script"
_NAME = "Correct the chat's name in the script"
_API = "Look at CALLBOARD_TELEGRAM__API_ID and CALLBOARD_TELEGRAM__API_HASH"

MEANINGS: Mapping[str, Meaning] = {
    "AUTH_KEY_UNREGISTERED": Meaning(DeadLogin, "the login was ended, or never finished", _SIGN_IN),
    "AUTH_KEY_INVALID": Meaning(DeadLogin, "the login's key is not valid", _SIGN_IN),
    "AUTH_KEY_DUPLICATED": Meaning(DeadLogin, "the session was used in two places at once", _TWICE),
    "SESSION_REVOKED": Meaning(DeadLogin, "the login was ended from another device", _SIGN_IN),
    "SESSION_EXPIRED": Meaning(DeadLogin, "the login has expired", _SIGN_IN),
    "SESSION_PASSWORD_NEEDED": Meaning(DeadLogin, "the sign-in was never finished: its password is missing", _SIGN_IN),
    "USER_DEACTIVATED": Meaning(DeadLogin, "the account was deleted", _APPEAL),
    "USER_DEACTIVATED_BAN": Meaning(DeadLogin, "the account was banned", _APPEAL),
    "-404": Meaning(SuspectLogin, "the data centre does not know the login's key", _SIGN_IN),
    "FLOOD_WAIT_X": Meaning(FloodWait, "the account asks too often"),
    "FLOOD_PREMIUM_WAIT_X": Meaning(FloodWait, "the account asks too often for one without Premium"),
    "-429": Meaning(FloodWait, "too many connections from this machine", "Run fewer accounts behind this address"),
    "SLOWMODE_WAIT_X": Meaning(ChatWait, "the chat is in slow mode"),
    "PEER_FLOOD": Meaning(Limited, "Telegram limits the account because of reports of spam", _SPAM),
    "FROZEN_METHOD_INVALID": Meaning(Limited, "Telegram has frozen the account", _FROZEN),
    "FROZEN_PARTICIPANT_MISSING": Meaning(Limited, "Telegram has frozen the account", _FROZEN),
    "CHAT_WRITE_FORBIDDEN": Meaning(ChatForbidden, "the account may not write in the chat", _RIGHTS),
    "CHAT_SEND_PLAIN_FORBIDDEN": Meaning(ChatForbidden, "the account may not write text in the chat", _RIGHTS),
    "CHAT_GUEST_SEND_FORBIDDEN": Meaning(ChatForbidden, "only members may write in the chat", _JOIN),
    "CHAT_ADMIN_REQUIRED": Meaning(ChatForbidden, "only admins may write in the chat", _RIGHTS),
    "CHAT_RESTRICTED": Meaning(ChatForbidden, "Telegram has restricted the chat", _RIGHTS),
    "CHAT_FORBIDDEN": Meaning(ChatForbidden, "the account may not write in the chat", _RIGHTS),
    "USER_BANNED_IN_CHANNEL": Meaning(ChatForbidden, "the account is banned from public chats", _SPAM),
    "USER_NOT_PARTICIPANT": Meaning(ChatForbidden, "the account is no member of the chat", _JOIN),
    "CHANNEL_PRIVATE": Meaning(ChatForbidden, "the chat is closed to the account", _JOIN),
    "CHANNEL_BANNED": Meaning(ChatForbidden, "Telegram has closed the chat", _NAME),
    "CHANNEL_INVALID": Meaning(ChatForbidden, "there is no such chat for the account", _JOIN),
    "CHAT_ID_INVALID": Meaning(ChatForbidden, "there is no such chat", _NAME),
    "PEER_ID_INVALID": Meaning(ChatForbidden, "there is no such chat for the account", _JOIN),
    "USERNAME_INVALID": Meaning(ChatForbidden, "no chat can have this name", _NAME),
    "USERNAME_NOT_OCCUPIED": Meaning(ChatForbidden, "no chat has this name", _NAME),
    "USER_IS_BLOCKED": Meaning(ChatForbidden, "the person has blocked the account"),
    "YOU_BLOCKED_USER": Meaning(ChatForbidden, "the account has blocked the person"),
    "USER_PRIVACY_RESTRICTED": Meaning(ChatForbidden, "the person takes no messages from the account"),
    "PRIVACY_PREMIUM_REQUIRED": Meaning(ChatForbidden, "the person takes messages of Premium accounts only"),
    "ALLOW_PAYMENT_REQUIRED_X": Meaning(ChatForbidden, "the chat asks for payment for each message"),
    "TOPIC_CLOSED": Meaning(ChatForbidden, "the topic is closed", _RIGHTS),
    "INPUT_USER_DEACTIVATED": Meaning(ChatForbidden, "the person's account was deleted"),
    "CONNECTION_NOT_INITED": Meaning(Unreachable, "Telegram has forgotten the connection"),
    "CONNECTION_LAYER_INVALID": Meaning(Unreachable, "Telegram has forgotten the connection"),
    "API_ID_INVALID": Meaning(Refused, "Telegram does not know the node's api_id", _API),
    "API_ID_PUBLISHED_FLOOD": Meaning(Refused, "the node's api_id was published, and Telegram refuses it", _API),
    "USER_MIGRATE_X": Meaning(Refused, "Telegram has moved the account to another data centre", _SIGN_IN),
}
_NAMES = {kind: name for name, kind in rpc_errors_dict.items()}
_NAMES |= {kind: pattern.replace(r"(\d+)", "X") for pattern, kind in rpc_errors_re}
_NUMBER = re.compile(r"(?<=_)\d+(?=_|$)")


def trouble_of(error: BaseException) -> TelegramTrouble:
    """What an exception of Telethon means."""
    match error:
        case TelegramTrouble():
            return error
        case errors.RPCError():
            return _answered(error)
        case AuthKeyNotFound():
            return _meant("-404")
        case errors.InvalidBufferError() if error.code == 429:
            return _meant("-429", seconds=TRANSPORT_FLOOD_SECONDS)
        case errors.InvalidBufferError() | errors.InvalidChecksumError() | errors.SecurityError():
            return Unreachable("what answers there does not speak as Telegram does")
        case TimeoutError():
            return Unanswered("Telegram did not answer in time")
        case EOFError() | ConnectionError():
            return Unreachable("Telegram closed the connection")
        case OSError():
            return Unreachable(f"Telegram cannot be reached: {error.strerror or error}")
        case _:
            return Unanswered(f"{type(error).__name__}: {error}")


@contextlib.asynccontextmanager
async def in_our_words(seconds: float) -> AsyncIterator[None]:
    """Bound a call of Telethon in time and raise what goes wrong as TelegramTrouble.

    A connection that dies under a request cancels the request's future; that is no cancellation of the caller.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except asyncio.CancelledError:
        if cancelled_by_caller():
            raise
        raise Unanswered("the connection to Telegram ended while it was asked") from None
    except TelegramTrouble:
        raise
    except Exception as error:
        raise trouble_of(error) from error


def name_of(error: errors.RPCError) -> str:
    """Telegram's name of an error, with X for a number in it."""
    return _NAMES.get(type(error)) or _NUMBER.sub("X", str(error.message))


def method_of(request: Any) -> str:
    """Telegram's name of the method that a request calls, such as `messages.sendMessage`."""
    while (inner := getattr(request, "query", None)) is not None:
        request = inner
    area = type(request).__module__.rpartition(".")[2]
    name = type(request).__name__.removesuffix("Request")
    return f"{area}.{name[:1].lower()}{name[1:]}"


def _answered(error: Any) -> TelegramTrouble:
    name = name_of(error)
    if name in MEANINGS:
        return _meant(name, seconds=getattr(error, "seconds", 0), method=method_of(error.request))
    told = f"{name}: {re.sub(r' [(]caused by .*[)]$', '', str(error))}" if type(error) in _NAMES else name
    if isinstance(error, errors.ServerError | errors.TimedOutError):
        return ServerTrouble(f"Telegram has trouble of its own ({told})")
    return Refused(f"Telegram refused {method_of(error.request)} ({told})")


def _meant(name: str, seconds: float = 0.0, method: str = "") -> TelegramTrouble:
    meaning = MEANINGS[name]
    if issubclass(meaning.kind, FloodWait):
        return FloodWait(seconds, f"{name.removesuffix('_X')}{' for ' if method else ''}{method}", meaning.advice)
    if issubclass(meaning.kind, ChatWait):
        return ChatWait(seconds, meaning.advice)
    return meaning.kind(f"{name}: {meaning.what}", meaning.advice)
