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
    Unanswered,
)
from services.node_agent.store.session_files import SessionFolder
from services.node_agent.telegram.in_memory import InMemoryTelegram
from services.node_agent.telegram.sessions import Place
from services.node_agent.telegram.telethon_client import TelethonTelegram, trust_sandbox
from services.telegram_sandbox.api.bodies import ReadySessionRow
from services.telegram_sandbox.app import Sandbox
from services.telegram_sandbox.client import SandboxClient
from services.telegram_sandbox.faults import FloodWait as FloodFault
from services.telegram_sandbox.faults import LostAnswer, RpcFailure
from services.telegram_sandbox.settings import SandboxSettings
from shared.clock import SystemClock
from shared.randomness import SystemRandomness

ACCOUNT, OTHER = "anna", "bert"
USERNAME = "the_hall"
SEND = "messages.sendMessage"


def username(account_id: str) -> str:
    """The public name of an account."""
    return f"{account_id}_the_account"


class World(Protocol):
    """A chat with two accounts and a guest in it."""

    telegram: Telegram
    chat_id: int
    guest_id: int
    user_ids: dict[str, int]

    async def guest_says(self, text: str, reply_to: int | None = None) -> int:
        """The guest speaks in the chat; the message's id."""
        ...

    async def guest_writes(self, account_id: str, text: str, reply_to: int | None = None) -> int:
        """The guest writes to an account in private; the message's id."""
        ...

    async def somebody_joins(self, name: str) -> tuple[int, int]:
        """Somebody new comes into the chat; who, and the service message's id."""
        ...

    async def reactions(self, message_id: int) -> dict[int, str]:
        """Who put which emoji under a message of the chat."""
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
        """The next send answers `flood`, `limited` or `forbidden`; or is done, and the answer `lost`."""
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
            self.twin.add_account(account_id, user_id, username(account_id))
        self.twin.add_guest(self.guest_id, "Gil")
        self.twin.add_chat(self.chat_id, USERNAME, self.guest_id, *self.user_ids.values())

    async def guest_says(self, text: str, reply_to: int | None = None) -> int:
        return self.twin.say(self.chat_id, self.guest_id, text, reply_to)

    async def guest_writes(self, account_id: str, text: str, reply_to: int | None = None) -> int:
        return self.twin.write(self.guest_id, account_id, text, reply_to)

    async def somebody_joins(self, name: str) -> tuple[int, int]:
        user_id = 901
        self.twin.add_guest(user_id, name)
        return user_id, self.twin.join(self.chat_id, user_id)

    async def reactions(self, message_id: int) -> dict[int, str]:
        return self.twin.said[message_id - 1].reactions

    async def texts(self) -> list[tuple[int, str, int | None]]:
        return [(said.sender_id, said.text, said.reply_to) for said in self.twin.said]

    async def drop(self, account_id: str) -> None:
        self.twin.drop(account_id)

    async def kill(self, account_id: str) -> None:
        self.twin.kill(account_id)

    async def forget(self, account_id: str) -> None:
        self.twin.connect_troubles[account_id].append(SuspectLogin("unknown key"))

    async def next_send_fails(self, account_id: str, how: str) -> None:
        if how == "lost":
            self.twin.lost_answers[account_id].append(Unanswered("the answer was lost"))
            return
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
    async def open(cls, home: Path, history: int = 500) -> "SandboxWorld":
        """A started sandbox with the cast in it."""
        settings = SandboxSettings(port=0, state_dir=home / "sandbox", history=history)
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
            user = await self.admin.add_user(account_id, username(account_id))
            self.user_ids[account_id] = user.user_id
            self.ready[account_id] = await self.admin.add_session(user.user_id)
            (self.folder / f"{account_id}.session").write_bytes(self.ready[account_id].file_bytes())
        members = [self.guest_id, *self.user_ids.values()]
        self.chat_id = (await self.admin.add_chat("The hall", USERNAME, members)).chat_id

    async def guest_says(self, text: str, reply_to: int | None = None) -> int:
        return (await self.admin.say(self.chat_id, self.guest_id, text, reply_to)).message_id

    async def guest_writes(self, account_id: str, text: str, reply_to: int | None = None) -> int:
        row = await self.admin.say_privately(self.guest_id, self.user_ids[account_id], text, reply_to)
        return row.message_id

    async def somebody_joins(self, name: str) -> tuple[int, int]:
        user = await self.admin.add_user(name)
        await self.admin.add_members(self.chat_id, [user.user_id])
        return user.user_id, (await self.admin.messages(self.chat_id))[-1].message_id

    async def reactions(self, message_id: int) -> dict[int, str]:
        rows = await self.admin.messages(self.chat_id)
        return next(row.reactions for row in rows if row.message_id == message_id)

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
        if how == "lost":
            await self.admin.inject(LostAnswer(method=SEND, cut=True, user_id=user_id, times=1))
            return
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
