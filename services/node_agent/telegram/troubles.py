"""From Telethon's exceptions to this project's, by exact class where Telegram's codes mislead.

Code 406 and 401 errors are not all dead logins, so only the classes listed here are. What is not listed says nothing
about the login: it is `Refused` if Telegram answered, `Unreachable` otherwise.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from telethon import errors
from telethon.errors.common import AuthKeyNotFound

from services.node_agent.domain.telegram import (
    ChatForbidden,
    ChatWait,
    DeadLogin,
    FloodWait,
    Limited,
    Refused,
    SuspectLogin,
    TelegramTrouble,
    Unanswered,
    Unreachable,
)

_DEAD = {
    errors.AuthKeyUnregisteredError: "AUTH_KEY_UNREGISTERED: the login was ended, or never finished",
    errors.AuthKeyInvalidError: "AUTH_KEY_INVALID: the login's key is not valid",
    errors.SessionRevokedError: "SESSION_REVOKED: the login was ended from another device",
    errors.SessionExpiredError: "SESSION_EXPIRED: the login has expired",
    errors.UserDeactivatedError: "USER_DEACTIVATED: the account was deleted",
    errors.UserDeactivatedBanError: "USER_DEACTIVATED_BAN: the account was banned",
    errors.AuthKeyDuplicatedError: "AUTH_KEY_DUPLICATED: the session was used in two places at once",
}
_CHAT = (
    errors.ChatWriteForbiddenError,
    errors.UserBannedInChannelError,
    errors.ChannelPrivateError,
    errors.ChatAdminRequiredError,
    errors.ChatRestrictedError,
    errors.ChatSendPlainForbiddenError,
    errors.ChatGuestSendForbiddenError,
    errors.UserNotParticipantError,
    errors.UsernameNotOccupiedError,
    errors.UsernameInvalidError,
    errors.PeerIdInvalidError,
    errors.ChannelInvalidError,
    errors.UserIsBlockedError,
    errors.InputUserDeactivatedError,
)


def trouble_of(error: BaseException) -> TelegramTrouble:
    """What an exception of Telethon means."""
    if isinstance(error, TelegramTrouble):
        return error
    dead = _DEAD.get(type(error))
    if dead is not None:
        return DeadLogin(dead)
    match error:
        case AuthKeyNotFound():
            return SuspectLogin("the data centre does not know the login's key")
        case errors.SlowModeWaitError():
            return ChatWait(error.seconds)
        case errors.FloodWaitError() | errors.FloodPremiumWaitError():
            request = type(error.request).__name__.removesuffix("Request") if error.request else "a request"
            return FloodWait(error.seconds, f"FLOOD_WAIT for {request}")
        case errors.PeerFloodError():
            return Limited("PEER_FLOOD: Telegram limits the account because of reports of spam")
        case _ if isinstance(error, _CHAT):
            return ChatForbidden(_told(error))
        case errors.ServerError() | errors.TimedOutError() | errors.RpcCallFailError():
            return Unanswered(f"Telegram has trouble of its own: {_told(error)}")
        case errors.RPCError():
            return Refused(_told(error))
        case TimeoutError():
            return Unanswered("Telegram did not answer in time")
        case EOFError():
            return Unreachable("Telegram closed the connection")
        case ConnectionError():
            return Unreachable(f"not connected to Telegram: {error}")
        case OSError():
            return Unreachable(f"Telegram cannot be reached: {error}")
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
        task = asyncio.current_task()
        if task is None or task.cancelling() > 0:
            raise
        raise Unanswered("the connection to Telegram ended while it was asked") from None
    except TelegramTrouble:
        raise
    except Exception as error:
        raise trouble_of(error) from error


def _told(error: BaseException) -> str:
    return str(error) or type(error).__name__
