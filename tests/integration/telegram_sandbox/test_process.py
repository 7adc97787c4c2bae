"""The sandbox as a process of its own: how it starts, says what it is, keeps its state, and ends."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.sessions import StringSession

from services.telegram_sandbox.client import SandboxClient
from services.telegram_sandbox.world.seed import SeedAccounts, WorldSeed
from tests.integration.telegram_sandbox.stagehands import TOKEN, promptly
from tests.support.ports import free_port
from tests.support.waiting import until

WORLD = {"chats": [{"title": "Stage", "username": "the_stage"}], "accounts": [{"count": 2, "chats": ["the_stage"]}]}


class Setting:
    """Where one sandbox lives: its ports and files stay the same over restarts."""

    def __init__(self, home: Path) -> None:
        self.world_file = home / "world.json"
        self.world_file.write_text(json.dumps(WORLD))
        self.port, self.admin_port = free_port(), free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "CALLBOARD_TOKEN": TOKEN,
            "CALLBOARD_SANDBOX_PORT": str(self.port),
            "CALLBOARD_SANDBOX_ADMIN_PORT": str(self.admin_port),
            "CALLBOARD_SANDBOX_STATE_DIR": str(home / "state"),
            "CALLBOARD_SANDBOX_WORLD_FILE": str(self.world_file),
            "CALLBOARD_SANDBOX_AUDIENCE__CHAT": "the_stage",
            "CALLBOARD_SANDBOX_AUDIENCE__MESSAGES_PER_MINUTE": "600",
        }

    async def start(self) -> Process:
        """The process, as soon as it is started."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.telegram_sandbox", env=self.environment, stderr=PIPE
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SandboxClient]:
        """A ready process, ended by SIGTERM; its exit status must be 0."""
        process = await self.start()
        admin = SandboxClient(f"http://127.0.0.1:{self.admin_port}", TOKEN)
        try:
            await until(lambda: answers(admin), "the admin API")
            yield admin
        finally:
            await admin.close()
            process.send_signal(signal.SIGTERM)
            _, said = await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode == 0, said.decode()
        assert b"not Telegram" in said


async def answers(admin: SandboxClient) -> bool:
    """Whether the process is up."""
    try:
        return bool(await admin.server())
    except httpx.TransportError:
        return False


async def test_a_process_keeps_its_logins_over_a_restart(tmp_path: Path) -> None:
    """The second start of a demo would make the accounts' files worthless, or leave a process behind."""
    setting = Setting(tmp_path)
    seed = WorldSeed(accounts=[SeedAccounts(count=2, chats=["the_stage"])])
    async with setting.running() as admin:
        rows = await admin.apply(seed)
        rsa.add_key((await admin.server()).public_key, old=False)
        await greet(rows[0].string_session)
        await until(lambda: enough(admin), "the audience")
    async with setting.running() as admin:
        assert await admin.apply(seed) == rows
        assert "good evening" in [message.text for message in await admin.messages("the_stage", limit=1000)]
        await greet(rows[1].string_session)


async def test_a_bad_start_is_told_in_a_sentence(tmp_path: Path) -> None:
    """An operator would have to read a traceback to find a typing error in the world file."""
    setting = Setting(tmp_path)
    setting.world_file.write_text('{"chats": [{"title": "Stage", "membres": []}]}')
    process = await setting.start()
    _, said = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 1
    assert b"chats.0.membres" in said
    assert b"Traceback" not in said


async def greet(string_session: str) -> None:
    """Connect, say good evening on the stage, disconnect."""
    client = TelegramClient(StringSession(string_session), 1, "sandbox")
    await promptly(client.connect())
    await promptly(client.send_message("the_stage", "good evening"))
    await client.disconnect()


async def enough(admin: SandboxClient) -> bool:
    """Whether the guests have said a few lines."""
    said = [message for message in await admin.messages("the_stage") if message.action is None]
    return len(said) > 3
