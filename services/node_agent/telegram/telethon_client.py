"""The Telegram port on Telethon: one client for each login, on a session that lives in memory.

Telethon's own repairs are off (auto-reconnect, sleeping through floods, retrying), because they hide what happens:
after an auto-reconnect a dead key is only logged and missed messages are not fetched. A connection that ends is made
anew by the account's runner instead, which probes the login and catches up from the saved update state. Every call
has a timeout, because requests of a dead connection may never be answered.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog
from telethon import TelegramClient, events, utils
from telethon.crypto import rsa
from telethon.tl.functions.updates import GetStateRequest

from services.node_agent.domain.accounts import SessionFile
from services.node_agent.domain.ports import SessionBytes
from services.node_agent.domain.telegram import (
    ChatForbidden,
    DeadLogin,
    IncomingMessage,
    OnMessage,
    TelegramTrouble,
    Unreachable,
    UnusableSession,
)
from services.node_agent.telegram.sessions import MemorySession, Place, load_session
from services.node_agent.telegram.troubles import in_our_words, trouble_of

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 30.0
CALL_SECONDS = 15.0
# Two pages of Telegram's; the chats that a script lists are among the ones used last.
MOST_DIALOGS = 200
# Disconnecting must fit into the lease's margin.
DISCONNECT_SECONDS = 2.0


class TelethonTelegram:
    """Implements `domain.telegram.Telegram` for the logins in a session folder."""

    def __init__(self, api_id: int, api_hash: str, folder: SessionBytes, sandbox: Place | None = None) -> None:
        self._api_id = api_id
        self._api_hash = api_hash
        self._folder = folder
        self._sandbox = sandbox
        # Every cut is an error to Telethon's network layer; here it is the runner's business, which logs it once.
        self._logger = logging.getLogger(__name__).getChild("telethon")
        self._logger.setLevel(logging.WARNING)
        self._logger.getChild("network").setLevel(logging.CRITICAL)

    async def connect(self, account_id: str, on_message: OnMessage) -> "TelethonConnection":
        """Connect and prove the login alive. Raises TelegramTrouble."""
        try:
            content, file = await self._folder.read(account_id)
        except OSError as error:
            raise UnusableSession(f"the session file cannot be read: {error.strerror or error}") from error
        session = load_session(content, self._sandbox)
        connection = TelethonConnection(account_id, self._client(session), session, self._folder, file)
        try:
            await connection.open(on_message)
        except BaseException:
            await connection.abandon()
            raise
        return connection

    def _client(self, session: MemorySession) -> Any:
        return TelegramClient(
            session,
            self._api_id,
            self._api_hash,
            timeout=10,
            connection_retries=1,
            request_retries=1,
            retry_delay=0,
            auto_reconnect=False,
            sequential_updates=True,
            flood_sleep_threshold=0,
            raise_last_call_error=True,
            receive_updates=True,
            catch_up=True,
            base_logger=self._logger,
        )


class TelethonConnection:
    """One client. Made by `TelethonTelegram.connect`, which opens it."""

    def __init__(
        self, account_id: str, client: Any, session: MemorySession, folder: SessionBytes, file: SessionFile
    ) -> None:
        self._account_id = account_id
        self._client = client
        self._session = session
        self._folder = folder
        self._file = file
        self._login_died = False
        self._disconnected = False
        self._is_new = not any(True for _ in session.get_update_states())
        self._user_id = 0

    @property
    def user_id(self) -> int:
        """The account's own id."""
        return self._user_id

    async def open(self, on_message: OnMessage) -> None:
        """Connect, probe, and learn who this is. Raises TelegramTrouble."""

        async def heard(event: Any) -> None:
            message = await _incoming(event)
            if message is not None:
                on_message(message)

        self._client.add_event_handler(heard, events.NewMessage(incoming=True))
        async with in_our_words(CONNECT_SECONDS):
            await self._client.connect()
        await self.probe()
        async with in_our_words(CALL_SECONDS):
            me = await self._client.get_me()
        if me is None:
            raise Unreachable("Telegram did not say whose login this is")
        self._user_id = me.id
        if self._is_new:
            await self._learn_chats()

    async def send(self, peer: str | int, text: str, reply_to: int | None) -> None:
        """Say `text` in a chat, as it is: no markup is read out of it. Raises TelegramTrouble."""
        async with self._watched():
            try:
                await self._client.send_message(peer, text, reply_to=reply_to, parse_mode=None, link_preview=False)
            except ValueError as error:
                # Telethon's way to say that it has never seen this chat and cannot look it up.
                raise _unknown_chat(peer, error) from error

    async def probe(self) -> None:
        """Ask for the update state: the one request whose error names what became of a login."""
        async with self._watched():
            await self._client(GetStateRequest())

    async def ended(self) -> TelegramTrouble:
        """Wait until the connection has ended by itself; why."""
        try:
            await self._client.disconnected
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling() > 0:
                raise
        except Exception as error:
            return self._noted(trouble_of(error))
        if self._client._updates_error is not None:
            return self._noted(trouble_of(self._client._updates_error))
        return Unreachable("the connection to Telegram ended")

    async def save(self) -> None:
        """Write the login's present state into its file, unless somebody has replaced it."""
        if self._login_died:
            return
        try:
            await self._client._save_states_and_entities()
            written = await self._folder.write(self._account_id, self._session.content(), self._file)
        except (OSError, sqlite3.Error) as error:
            log.error("session_not_saved", account=self._account_id, reason=str(error),
                      advice="look at the disk under CALLBOARD_SESSIONS_DIR")  # fmt: skip
            return
        if not written:
            log.info("session_not_saved", account=self._account_id, reason="its file was replaced or removed")

    async def disconnect(self) -> None:
        """End the connection, then save. Never raises; again does nothing."""
        if self._disconnected:
            return
        self._disconnected = True
        await self._close()
        try:
            await self.save()
        finally:
            self._session.release()

    async def abandon(self) -> None:
        """End a connection that never became one; nothing is worth saving."""
        self._disconnected = True
        await self._close()
        self._session.release()

    async def _learn_chats(self) -> None:
        """Once for each login: without its dialogs it could not send to a chat by number, nor catch up in one."""
        try:
            async with self._watched():
                await self._client.get_dialogs(limit=MOST_DIALOGS)
        except DeadLogin:
            raise
        except TelegramTrouble as trouble:
            log.warning("chats_not_learnt", account=self._account_id, reason=str(trouble))

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(DISCONNECT_SECONDS):
                await self._client.disconnect()
        except Exception as error:
            log.warning("disconnected_uncleanly", account=self._account_id, reason=f"{type(error).__name__}: {error}")

    @contextlib.asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Bound a call, and note the login's death: a dead login's file is left as it is."""
        try:
            async with in_our_words(CALL_SECONDS):
                yield
        except DeadLogin as death:
            self._noted(death)
            raise

    def _noted(self, trouble: TelegramTrouble) -> TelegramTrouble:
        self._login_died = self._login_died or isinstance(trouble, DeadLogin)
        return trouble


def trust_sandbox(key_file: Path) -> None:
    """Trust the sandbox's public key, in PEM, for key exchanges. Raises OSError or ValueError."""
    rsa.add_key(key_file.read_text(), old=False)


async def _incoming(event: Any) -> IncomingMessage | None:
    """The message of an event; None for what nobody wrote, such as a service message."""
    message = event.message
    if message.action is not None or message.out:
        return None
    chat = event.chat or await _asked(event.get_chat)
    sender = event.sender or await _asked(event.get_sender)
    return IncomingMessage(
        chat_id=event.chat_id,
        chat_username=getattr(chat, "username", None),
        private=bool(event.is_private),
        sender_id=event.sender_id or event.chat_id,
        sender_name=utils.get_display_name(sender) if sender is not None else "",
        text=message.raw_text or "",
        message_id=message.id,
        at=message.date,
    )


async def _asked(question: Any) -> Any:
    """What Telegram says of a chat or a sender that came without its name; None if it says nothing in time."""
    try:
        async with in_our_words(CALL_SECONDS):
            return await question()
    except TelegramTrouble:
        return None


def _unknown_chat(peer: str | int, error: ValueError) -> TelegramTrouble:
    return ChatForbidden(f"this account does not know the chat {peer}: it has to be a member first ({error})")
