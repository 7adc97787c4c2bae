"""The Telegram port on Telethon: one client for each login, on a session that lives in memory.

A connection that ends is made anew by the account's runner, which sees why it ended; nothing here repairs it. Every
call has a timeout, because requests of a dead connection may never be answered. What is saved is a moment: the place in
the updates and everything that was handed on until then belong together.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog
from telethon import errors
from telethon.crypto import rsa
from telethon.tl import functions, types

from services.node_agent.domain.accounts import SessionFile
from services.node_agent.domain.ports import SessionBytes
from services.node_agent.domain.telegram import (
    ChatForbidden,
    DeadLogin,
    Durable,
    OnMessage,
    Refused,
    TelegramTrouble,
    Unreachable,
    UnusableSession,
)
from services.node_agent.telegram.client import Loggers, PlainClient
from services.node_agent.telegram.hearing import me_of
from services.node_agent.telegram.listening import CALL_SECONDS, Listening, load_place
from services.node_agent.telegram.sessions import LoginSession, Place, load_session
from services.node_agent.telegram.troubles import in_our_words, trouble_of

log = structlog.get_logger(__name__)

# A lost SYN is repeated after 1 and after 3 seconds: longer than this, and a server's return is noticed too late.
TCP_SECONDS = 5.0
CONNECT_SECONDS = 20.0
# Two pages of Telegram's; the chats that a script lists are among the ones used last.
MOST_DIALOGS = 200
# Disconnecting must fit into the lease's margin, and what was heard is handed on first, which waits for nobody.
HAND_ON_SECONDS = 1.0
DISCONNECT_SECONDS = 2.0


class TelethonTelegram:
    """Implements `domain.telegram.Telegram` for the logins in a session folder."""

    def __init__(self, api_id: int, api_hash: str, folder: SessionBytes, sandbox: Place | None = None) -> None:
        self._api_id = api_id
        self._api_hash = api_hash
        self._folder = folder
        self._sandbox = sandbox
        self._data_centres: dict[str, int] = {}
        # Every cut is an error to Telethon's network layer; here it is the runner's business, which logs it once.
        base = logging.getLogger(__name__).getChild("telethon")
        base.setLevel(logging.WARNING)
        base.getChild("network").setLevel(logging.CRITICAL)
        self._loggers = Loggers(base)

    def data_centre(self, account_id: str) -> int:
        """Where the account's login lives, as far as its file was read; 0 if not yet."""
        return self._data_centres.get(account_id, 0)

    async def connect(self, account_id: str, on_message: OnMessage) -> "TelethonConnection":
        """Connect and prove the login alive. Raises TelegramTrouble."""
        try:
            content, file = await self._folder.read(account_id)
        except OSError as error:
            raise UnusableSession(f"the session file cannot be read: {error.strerror or error}") from error
        session = load_session(content, self._sandbox)
        self._data_centres[account_id] = session.dc_id
        client = PlainClient(session, self._api_id, self._api_hash, TCP_SECONDS, self._loggers)
        connection = TelethonConnection(account_id, client, session, self._folder, file)
        try:
            await connection.open(on_message)
        except BaseException:
            await connection.disconnect()
            raise
        return connection


class TelethonConnection:
    """One client. Made by `TelethonTelegram.connect`, which opens it."""

    def __init__(
        self, account_id: str, client: Any, session: LoginSession, folder: SessionBytes, file: SessionFile
    ) -> None:
        self._account_id = account_id
        self._client = client
        self._session = session
        self._folder = folder
        self._file = file
        self._user_id = 0
        self._login_died = False
        self._disconnecting: asyncio.Task[None] | None = None
        self._saved_changes = 0
        self._listening: Listening | None = None
        self._listener: asyncio.Task[None] | None = None
        self._over: asyncio.Future[TelegramTrouble] = asyncio.get_running_loop().create_future()

    @property
    def user_id(self) -> int:
        """The account's own id."""
        return self._user_id

    async def open(self, on_message: OnMessage) -> None:
        """Connect, learn who this is, and begin to listen. Raises TelegramTrouble."""
        known = load_place(self._client, self._session)
        try:
            async with in_our_words(CONNECT_SECONDS):
                await self._client.connect()
        finally:
            # Whatever came of it: Telethon complains about an end of which nobody asked why.
            self._client.disconnected.add_done_callback(self._on_disconnected)
        user = await self._ask_who_this_is()
        self._user_id = user.id
        if not known:
            await self._learn_chats()
        self._listening = Listening(self._account_id, self._client, self._session, me_of(user), on_message)
        self._listener = asyncio.create_task(self._listening.run(), name=f"hearing of {self._account_id}")
        self._listener.add_done_callback(self._on_listened)

    async def send(self, peer: str | int, text: str, reply_to: int | None, random_id: int) -> None:
        """Say `text` in a chat, as it is: no markup is read out of it. Raises TelegramTrouble."""
        async with self._watched():
            request = functions.messages.SendMessageRequest(
                peer=await self._peer(peer),
                message=text,
                no_webpage=True,
                reply_to=types.InputReplyToMessage(reply_to) if reply_to is not None else None,
                random_id=random_id,
            )
            # It was said before: what got lost is the answer.
            with contextlib.suppress(errors.RandomIdDuplicateError):
                await self._client(request)

    async def react(self, peer: str | int, message_id: int, emoji: str) -> None:
        """Put an emoji under a message. Raises TelegramTrouble."""
        async with self._watched():
            reaction = [types.ReactionEmoji(emoji)]
            request = functions.messages.SendReactionRequest(await self._peer(peer), message_id, reaction=reaction)
            with contextlib.suppress(errors.MessageNotModifiedError):
                await self._client(request)

    async def probe(self) -> None:
        """Ask for the update state: the one request whose error names what became of a login."""
        async with self._watched():
            await self._client(functions.updates.GetStateRequest())

    def ended(self) -> "asyncio.Future[TelegramTrouble]":
        """Done when the connection has ended by itself: why."""
        return asyncio.shield(self._over)

    async def save(self, durable: Durable) -> bool:
        """Write the login's state of this moment into its file, unless somebody has replaced it."""
        if self._login_died or self._listening is None or not self._listening.keep():
            return False
        changes = self._session.changes
        if changes == self._saved_changes:
            return True
        content = self._session.content()
        await durable()
        try:
            written = await self._folder.write(self._account_id, content, self._file)
        except OSError as error:
            log.error("session_not_saved", account=self._account_id, reason=str(error),
                      advice="look at the disk under CALLBOARD_SESSIONS_DIR")  # fmt: skip
            return False
        self._saved_changes = changes
        if not written:
            log.info("session_not_saved", account=self._account_id, reason="its file was replaced or removed")
        return written

    async def disconnect(self) -> None:
        """End the connection. Never raises; again waits for the same end.

        Whoever is cancelled meanwhile hears of it when nobody is connected any more: the deadman goes by that.
        """
        if self._disconnecting is None:
            self._disconnecting = asyncio.create_task(self._disconnect(), name=f"end of {self._account_id}")
        await to_its_end(self._disconnecting)

    async def _disconnect(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener], timeout=HAND_ON_SECONDS)
        try:
            async with asyncio.timeout(DISCONNECT_SECONDS):
                await self._client.disconnect()
        except Exception as error:
            log.warning("disconnected_uncleanly", account=self._account_id, reason=f"{type(error).__name__}: {error}")

    async def _ask_who_this_is(self) -> Any:
        """The first request that needs a living login: with a dead one, connecting succeeds all the same."""
        async with self._watched():
            [user] = await self._client(functions.users.GetUsersRequest([types.InputUserSelf()]))
        self._client._mb_entity_cache.set_self_user(user.id, user.bot, user.access_hash)
        return user

    async def _learn_chats(self) -> None:
        """Once for each login: without its dialogs it could not send to a chat by number, nor catch up in one."""
        try:
            async with self._watched():
                await self._client.get_dialogs(limit=MOST_DIALOGS)
        except Refused as trouble:
            log.warning("chats_not_learnt", account=self._account_id, reason=str(trouble))

    async def _peer(self, peer: str | int) -> Any:
        try:
            return await self._client.get_input_entity(peer)
        except ValueError as error:
            # Telethon's way to say that it has never seen this chat and cannot look it up.
            raise ChatForbidden(
                f"this account does not know the chat {peer}", "Let the account join the chat, or correct its name"
            ) from error

    def _on_disconnected(self, ended: "asyncio.Future[Any]") -> None:
        if ended.cancelled() or (error := ended.exception()) is None:
            self._end(Unreachable("the connection to Telegram ended"))
        else:
            self._end(trouble_of(error))

    def _on_listened(self, listener: "asyncio.Task[None]") -> None:
        if listener.cancelled() or (error := listener.exception()) is None:
            return
        if isinstance(error, TelegramTrouble):
            self._end(error)
        elif not self._over.done():
            self._over.set_exception(error)
            self._over.exception()  # looked at, should nobody else ask any more

    def _end(self, trouble: TelegramTrouble) -> None:
        self._note(trouble)
        if not self._over.done():
            self._over.set_result(trouble)

    @contextlib.asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Bound a call, and note the login's death: a dead login's file is left as it is."""
        try:
            async with in_our_words(CALL_SECONDS):
                yield
        except DeadLogin as death:
            self._note(death)
            raise

    def _note(self, trouble: TelegramTrouble) -> None:
        self._login_died = self._login_died or isinstance(trouble, DeadLogin)


async def to_its_end(task: "asyncio.Task[None]") -> None:
    """Wait for a task that nobody may interrupt; a cancellation that comes meanwhile is passed on afterwards."""
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()


def trust_sandbox(key_file: Path) -> None:
    """Trust the sandbox's public key, in PEM, for key exchanges. Raises OSError or ValueError."""
    rsa.add_key(key_file.read_text(), old=False)
