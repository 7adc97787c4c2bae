"""A whole agent in this process, in real time: real Telethon on a real sandbox; only broker and registry are models."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from services.node_agent.domain.telegram import Heard, OnMessage, Telegram, TelegramConnection
from services.node_agent.store.database import FileConnection
from services.node_agent.store.session_files import SessionFolder
from services.telegram_sandbox.api.bodies import ReadySessionRow
from services.telegram_sandbox.client import SandboxClient
from shared.clock import SystemClock
from shared.contracts.accounts import AccountReport
from shared.randomness import SystemRandomness
from tests.support.agent.surroundings import Brought, Surroundings
from tests.support.ports import free_port
from tests.support.waiting import until

TOKEN = "a-token-for-the-sandbox"


class SandboxProcess:
    """A sandbox that can be killed and started again in the same place, with the same state."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.port, admin_port = free_port(), free_port()
        self.admin = SandboxClient(f"http://127.0.0.1:{admin_port}", TOKEN)
        self._log, self._state = home / "sandbox.log", home / "sandbox"
        self._process: asyncio.subprocess.Process | None = None
        self._environment = os.environ | {
            "CALLBOARD_TOKEN": TOKEN,
            "CALLBOARD_SANDBOX_PORT": str(self.port),
            "CALLBOARD_SANDBOX_ADMIN_PORT": str(admin_port),
            "CALLBOARD_SANDBOX_STATE_DIR": str(self._state),
            **{f"CALLBOARD_SANDBOX_{name.upper()}": value for name, value in settings.items()},
        }

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.telegram_sandbox", env=self._environment, stdout=log, stderr=log
            )
        await until(self.answers, "the sandbox answers")

    async def kill(self) -> None:
        """End it with no chance to say goodbye."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def close(self) -> None:
        """End it for good."""
        await self.kill()
        await self.admin.close()

    def stored(self) -> list[tuple[int, dict[str, Any]]]:
        """Every message that somebody wrote, with its chat, straight from the sandbox's own file."""
        file = sqlite3.connect(f"file:{self._state / 'world.sqlite'}?mode=ro", uri=True)
        rows = file.execute("select body from documents where kind = 'message'").fetchall()
        file.close()
        messages = [json.loads(body) for (body,) in rows]
        return [(_chat_id(message["room"]), message) for message in messages if message["action"] is None]

    async def answers(self) -> bool:
        """Whether it is up."""
        try:
            return bool(await self.admin.server())
        except httpx.TransportError:
            return False


class Recording:
    """A Telegram that keeps what it lets each account hear, repeats and all."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self.heard: defaultdict[str, list[Heard]] = defaultdict(list)
        self.connects: defaultdict[str, int] = defaultdict(int)

    def data_centre(self, account_id: str) -> int:
        """Where the account's login lives."""
        return self._telegram.data_centre(account_id)

    async def connect(self, account_id: str, on_message: OnMessage) -> TelegramConnection:
        """Connect."""

        def both(heard: Heard) -> None:
            self.heard[account_id].append(heard)
            on_message(heard)

        self.connects[account_id] += 1
        return await self._telegram.connect(account_id, both)


class LiveAgent(Surroundings):
    """The agent, what it reports, and its session folder."""

    def __init__(self, home: Path, telegram: Telegram, folder: SessionFolder) -> None:
        self.telegram = Recording(telegram)

        async def open_ledger() -> FileConnection:
            return await FileConnection.open(home / "ledger.sqlite")

        clock, randomness = SystemClock(), SystemRandomness()
        super().__init__(
            Brought(
                lambda _: self.telegram, folder, open_ledger, clock, randomness, beat=0.3, offload=asyncio.to_thread
            )
        )

    async def play(self, script: str, number: int = 1) -> None:
        """Let all accounts play a script."""
        await self.deliver(script, number)
        await until(lambda: "applied" in [report.outcome for report in self.registry.reports], "the script is applied")

    def row(self, account_id: str) -> AccountReport:
        """What the registry has of an account."""
        return self.registry.accounts[account_id]

    async def until_status(self, status: str, account_ids: Sequence[str], seconds: float = 20.0) -> None:
        """Wait until the registry has all of them in this state."""

        def there() -> bool:
            rows = self.registry.accounts
            return all(each in rows and rows[each].status == status for each in account_ids)

        await until(there, f"{', '.join(account_ids)}: {status}", seconds)


def put_session(folder: Path, account_id: str, ready: ReadySessionRow) -> None:
    """Put an account's session file into the folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{account_id}.session").write_bytes(ready.file_bytes())


def answered(messages: Sequence[Any], user_id: int, text: str) -> int:
    """How often a user has said this."""
    return sum(1 for message in messages if message.sender_id == user_id and message.text == text)


def _chat_id(room: str) -> int:
    """The id of a room as clients show it; private rooms have none."""
    kind, _, number = room.partition(":")
    return {"c": -1_000_000_000_000 - int(number), "g": -int(number)}[kind] if kind != "u" else 0
