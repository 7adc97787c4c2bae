"""A whole agent in virtual time: in-memory bus, Telegram, files and ledger, and a model of the registry."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from services.node_agent.app import Agent, NodeSettings, Ports
from services.node_agent.domain.ports import DownloadFailed
from services.node_agent.store.database import Connection, InlineConnection
from services.node_agent.store.script_files import InMemoryScriptFiles
from services.node_agent.store.session_files import InMemorySessions
from services.node_agent.store.status_file import Status
from services.node_agent.telegram.in_memory import InMemoryTelegram
from shared.clock import VirtualClock
from shared.contracts import names
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import DeliverArtifact
from shared.contracts.heartbeats import NodeFacts
from shared.contracts.identifiers import content_hash
from shared.messaging import Route
from shared.messaging.in_memory import InMemoryBus
from shared.randomness import SeededRandomness
from tests.unit.node_agent.model_registry import ModelRegistry

T = TypeVar("T")

NODE = "node-a"
CHAT = -1001
GUEST = 900


def script(reply: str, *, script_id: str = "greeter", limits: str = "", test: str = "") -> str:
    """A script that answers /hello in the demo chat with `reply`."""
    return (
        f'id: {script_id}\nchats: ["@demo_chat"]\n{limits}'
        "scenes:\n  hello:\n    triggers:\n      - command: /hello\n"
        f"    steps:\n      - reply: {reply}\n{test}"
    )


def order(text: str, number: int = 1, /, **changes: Any) -> DeliverArtifact:
    """An inline order of `text` as version `number`, bound to all accounts."""
    data = text.encode()
    fields: dict[str, Any] = {
        "node_id": NODE,
        "delivery_id": f"dlv_{number:032x}",
        "attempt": 1,
        "artifact": Artifact(id="greeter", version=number, hash=content_hash(data)),
        "size": len(data),
        "content": text,
        "bind": "all",
        "issued_at": datetime.fromisoformat(f"2026-01-01T00:00:{number:02d}+00:00"),
    }
    return DeliverArtifact(**(fields | changes))


class LastingConnection(InlineConnection):
    """A ledger that outlives its agent, for tests that start a second one."""

    async def close(self) -> None:
        """Leave an open transaction as a crash does, and keep the rest."""
        self._connection.rollback()


@dataclass
class Downloads:
    """What can be downloaded, by URL."""

    content: dict[str, bytes] = field(default_factory=dict)

    async def fetch(self, url: str, most: int) -> bytes:
        """The content, or DownloadFailed."""
        if url not in self.content:
            raise DownloadFailed(f"{url} answered 404 Not Found")
        return self.content[url][: most + 1]


@dataclass
class Statuses:
    """Keeps the last status."""

    last: Status | None = None

    def write(self, status: Status) -> None:
        """Keep it."""
        self.last = status


class World:
    """The parts of an agent and what is around it. `clock.run_for` makes things happen."""

    def __init__(self, *account_ids: str, beat: float = 10.0) -> None:
        self.clock = VirtualClock()
        self.randomness = SeededRandomness(7)
        self.bus = InMemoryBus(self.clock, self.randomness)
        self.registry = ModelRegistry(self.bus)
        self.telegram = InMemoryTelegram(self.clock)
        self.sessions = InMemorySessions(*account_ids)
        self.ledger: Connection = LastingConnection()
        self.files = InMemoryScriptFiles()
        self.downloads = Downloads()
        self.status = Statuses()
        self._beat = beat
        self.telegram.add_guest(GUEST, "Gast")
        users = {account_id: 100 + number for number, account_id in enumerate(account_ids)}
        for account_id, user_id in users.items():
            self.telegram.add_account(account_id, user_id)
        self.telegram.add_chat(CHAT, "Demo_Chat", GUEST, *users.values())
        self.bus.attach(self.registry.routes())
        self.bus.declare(names.node_commands_queue(NODE))

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[None]:
        """An agent that runs for the length of the context."""
        ports = Ports(
            bus=self.bus,
            consume=self._consume,
            telegram=self.telegram,
            sessions=self.sessions,
            open_ledger=self._open_ledger,
            files=self.files,
            downloader=self.downloads,
            offload=_at_once,
            status=self.status,
            clock=self.clock,
            randomness=self.randomness,
        )
        task = asyncio.create_task(Agent(NodeSettings(NODE, NodeFacts(hostname="h"), self._beat), ports).run())
        try:
            yield
            assert not task.done(), f"the agent ended by itself: {task}"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        """End the bus's consumers."""
        await self.bus.close()

    def replies(self) -> list[str]:
        """What accounts have said."""
        return [said.text for said in self.telegram.said if said.sender_id != GUEST]

    def status_of(self, account_id: str) -> str:
        """What the registry has of an account."""
        return self.registry.accounts[account_id].status.value

    async def _consume(self, route: Route) -> None:
        tasks = self.bus.attach([route])
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _open_ledger(self) -> Connection:
        return self.ledger


async def _at_once(function: Callable[..., T], *arguments: Any) -> T:
    return function(*arguments)
