"""What the sandbox's integration tests share: a running sandbox, real Telethon clients, and waiting for things.

The sandbox runs in the test's own event loop and listens on a free loopback port; its admin API is called through
the real client over an in-process transport. Clients are cut off at the end of each test.
"""

import asyncio
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from telethon import TelegramClient, events
from telethon.crypto import rsa
from telethon.network import ConnectionTcpFull
from telethon.sessions import Session, StringSession

from services.telegram_sandbox.api.bodies import UserRow
from services.telegram_sandbox.app import Sandbox
from services.telegram_sandbox.client import SandboxClient
from services.telegram_sandbox.settings import SandboxSettings
from shared.clock import SystemClock
from shared.randomness import SystemRandomness
from tests.support.waiting import until

TOKEN = "a-token-for-the-sandbox"
PATIENCE = 5.0


class Theatre:
    """A started sandbox with its admin client, and the Telethon clients that a test opens on it."""

    def __init__(self, sandbox: Sandbox, admin: SandboxClient) -> None:
        self.sandbox, self.admin = sandbox, admin
        self._clients: list[TelegramClient] = []

    @classmethod
    async def open(cls, state_dir: Path, **settings: Any) -> "Theatre":
        """Start a sandbox on a free port."""
        read = SandboxSettings(**{"port": 0, "state_dir": state_dir, **settings})
        sandbox = Sandbox(read, SystemClock(), SystemRandomness())
        await sandbox.start()
        rsa.add_key(sandbox.server_key.public_pem, old=False)
        transport = httpx.ASGITransport(app=sandbox.admin_api(SecretStr(TOKEN)))
        return cls(sandbox, SandboxClient("http://sandbox", TOKEN, transport))

    async def close(self) -> None:
        """Disconnect every client and stop the sandbox."""
        for client in self._clients:
            # A second disconnect would open the session's file again, which a test may have passed on.
            if client.is_connected():
                await client.disconnect()
        await self.admin.close()
        await self.sandbox.stop()

    def client(self, session: Session, **options: Any) -> TelegramClient:
        """A Telethon client that does not sleep through flood waits and reconnects quickly."""
        given = {"connection": ConnectionTcpFull, "flood_sleep_threshold": 0, "retry_delay": 0, **options}
        client = TelegramClient(session, 1, "sandbox", **given)
        self._clients.append(client)
        return client

    def unsigned(self, **options: Any) -> TelegramClient:
        """A client with nothing but the sandbox's address: it has to exchange keys and sign in."""
        session = StringSession()
        session.set_dc(self.sandbox.place.dc_id, self.sandbox.place.address, self.sandbox.place.port)
        return self.client(session, **options)

    async def signed_in(self, user: UserRow, **options: Any) -> TelegramClient:
        """A connected client on a ready-made session of the user."""
        ready = await self.admin.add_session(user.user_id)
        client = self.client(StringSession(ready.string_session), **options)
        await promptly(client.connect())
        return client

    def key_id(self, client: TelegramClient) -> str:
        """The admin API's name of the client's session."""
        return f"{client.session.auth_key.key_id:016x}"


class Heard:
    """The messages that a client's handlers have seen, in order."""

    def __init__(self, client: TelegramClient) -> None:
        self.messages: list[Any] = []
        client.add_event_handler(self._on_message, events.NewMessage())

    async def _on_message(self, event: Any) -> None:
        self.messages.append(event.message)

    @property
    def texts(self) -> list[str]:
        """Their texts."""
        return [message.message for message in self.messages]

    async def until(self, text: str) -> Any:
        """The first message with this text; fails when it does not come."""
        await until(lambda: text in self.texts, f"a message {text!r}", PATIENCE)
        return next(message for message in self.messages if message.message == text)


async def promptly(awaitable: Any) -> Any:
    """The result, which must come within the tests' patience."""
    return await asyncio.wait_for(awaitable, PATIENCE)
