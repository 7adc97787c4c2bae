"""One world, twice: the in-memory twin and real Telethon on the sandbox, behind the same handles for the suite."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import httpx
from pydantic import SecretStr

from services.node_agent.domain.telegram import (
    ChatForbidden,
    FloodWait,
    Limited,
    SuspectLogin,
    Telegram,
)
from services.node_agent.store.session_files import SessionFolder
from services.node_agent.telegram.in_memory import InMemoryTelegram
from services.node_agent.telegram.sessions import Place
from services.node_agent.telegram.telethon_client import TelethonTelegram, trust_sandbox
from services.telegram_sandbox.api.bodies import ReadySessionRow
from services.telegram_sandbox.app import Sandbox
from services.telegram_sandbox.client import SandboxClient
from services.telegram_sandbox.faults import FloodWait as FloodFault
from services.telegram_sandbox.faults import RpcFailure
from services.telegram_sandbox.settings import SandboxSettings
from shared.clock import SystemClock
from shared.randomness import SystemRandomness

ACCOUNT, OTHER = "anna", "bert"
USERNAME = "the_hall"
SEND = "messages.sendMessage"


class World(Protocol):
    """A chat with two accounts and a guest in it."""

    telegram: Telegram
    chat_id: int
    guest_id: int
    user_ids: dict[str, int]

    async def guest_says(self, text: str) -> int:
        """The guest speaks in the chat; the message's id."""
        ...

    async def texts(self) -> list[tuple[int, str, int | None]]:
        """Who said what in answer to what."""
        ...

    async def drop(self, account_id: str) -> None:
        """Cut the account's connection."""
        ...

    async def kill(self, account_id: str) -> None:
        """End the account's login."""
        ...

    async def forget(self, account_id: str) -> None:
        """Lose the account's key."""
        ...

    async def next_send_fails(self, account_id: str, how: str) -> None:
        """The next send answers `flood`, `limited` or `forbidden`."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


class TwinWorld:
    """The twin."""

    def __init__(self) -> None:
        self.twin = InMemoryTelegram(SystemClock())
        self.telegram: Telegram = self.twin
        self.chat_id, self.guest_id = -1001, 900
        self.user_ids = {ACCOUNT: 1, OTHER: 2}
        for account_id, user_id in self.user_ids.items():
            self.twin.add_account(account_id, user_id)
        self.twin.add_guest(self.guest_id, "Gil")
        self.twin.add_chat(self.chat_id, USERNAME, self.guest_id, *self.user_ids.values())

    async def guest_says(self, text: str) -> int:
        return self.twin.say(self.chat_id, self.guest_id, text)

    async def texts(self) -> list[tuple[int, str, int | None]]:
        return [(said.sender_id, said.text, said.reply_to) for said in self.twin.said]

    async def drop(self, account_id: str) -> None:
        self.twin.drop(account_id)

    async def kill(self, account_id: str) -> None:
        self.twin.kill(account_id)

    async def forget(self, account_id: str) -> None:
        self.twin.connect_troubles[account_id].append(SuspectLogin("unknown key"))

    async def next_send_fails(self, account_id: str, how: str) -> None:
        trouble = {
            "flood": FloodWait(42, "sending"),
            "limited": Limited("PEER_FLOOD"),
            "forbidden": ChatForbidden("CHAT_WRITE_FORBIDDEN"),
        }[how]
        self.twin.send_troubles[account_id].append(trouble)

    async def close(self) -> None:
        pass


class SandboxWorld:
    """Telethon on a sandbox that runs in the test's own event loop."""

    def __init__(self, sandbox: Sandbox, admin: SandboxClient, folder: Path) -> None:
        self.sandbox, self.admin, self.folder = sandbox, admin, folder
        place = Place(sandbox.place.dc_id, sandbox.place.address, sandbox.place.port)
        self.telegram: Telegram = TelethonTelegram(1, "sandbox", SessionFolder(folder), place)
        self.chat_id = self.guest_id = 0
        self.user_ids: dict[str, int] = {}
        self.ready: dict[str, ReadySessionRow] = {}

    @classmethod
    async def open(cls, home: Path) -> "SandboxWorld":
        """A started sandbox with the cast in it."""
        settings = SandboxSettings(port=0, state_dir=home / "sandbox")
        sandbox = Sandbox(settings, SystemClock(), SystemRandomness())
        await sandbox.start()
        key = home / "sandbox.pem"
        key.write_text(sandbox.server_key.public_pem)
        trust_sandbox(key)
        transport = httpx.ASGITransport(app=sandbox.admin_api(SecretStr("a-token-for-the-sandbox")))
        (home / "sessions").mkdir()
        world = cls(sandbox, SandboxClient("http://sandbox", "a-token-for-the-sandbox", transport), home / "sessions")
        await world._cast()
        return world

    async def _cast(self) -> None:
        self.guest_id = (await self.admin.add_user("Gil", "gil_the_guest")).user_id
        for account_id in (ACCOUNT, OTHER):
            user = await self.admin.add_user(account_id, f"{account_id}_the_account")
            self.user_ids[account_id] = user.user_id
            self.ready[account_id] = await self.admin.add_session(user.user_id)
            (self.folder / f"{account_id}.session").write_bytes(self.ready[account_id].file_bytes())
        members = [self.guest_id, *self.user_ids.values()]
        self.chat_id = (await self.admin.add_chat("The hall", USERNAME, members)).chat_id

    async def guest_says(self, text: str) -> int:
        return (await self.admin.say(self.chat_id, self.guest_id, text)).message_id

    async def texts(self) -> list[tuple[int, str, int | None]]:
        rows = await self.admin.messages(self.chat_id)
        return [(row.sender_id, row.text, row.reply_to) for row in rows if row.action is None]

    async def drop(self, account_id: str) -> None:
        await self.admin.drop(self.ready[account_id].key_id)

    async def kill(self, account_id: str) -> None:
        await self.admin.kill(self.ready[account_id].key_id, "SESSION_REVOKED")

    async def forget(self, account_id: str) -> None:
        await self.admin.forget(self.ready[account_id].key_id)

    async def next_send_fails(self, account_id: str, how: str) -> None:
        user_id = self.user_ids[account_id]
        if how == "flood":
            await self.admin.inject(FloodFault(method=SEND, seconds=42, user_id=user_id, times=1))
            return
        code, error = {"limited": (400, "PEER_FLOOD"), "forbidden": (403, "CHAT_WRITE_FORBIDDEN")}[how]
        await self.admin.inject(RpcFailure(method=SEND, code=code, error=error, user_id=user_id, times=1))

    async def close(self) -> None:
        await self.admin.close()
        await self.sandbox.stop()


async def open_world(kind: str, home: Path) -> World:
    """The world of this kind: `twin` or `telethon`."""
    return TwinWorld() if kind == "twin" else await SandboxWorld.open(home)


async def within(seconds: float, awaitable: Awaitable[None]) -> None:
    """Fail when it takes longer."""
    async with asyncio.timeout(seconds):
        await awaitable


Cleanup = Callable[[], Awaitable[None]]
