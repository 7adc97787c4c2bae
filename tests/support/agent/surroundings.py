"""What a whole agent is connected to in a test: twins, but for what the test brings of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from services.node_agent.app import Agent
from services.node_agent.domain.deadman import NoTimer
from services.node_agent.domain.ports import DownloadFailed, Offload, SessionBytes, SessionFiles
from services.node_agent.domain.telegram import Telegram
from services.node_agent.store.database import Connection
from services.node_agent.store.logins import FolderAndMemory, Logins
from services.node_agent.store.script_files import InMemoryScriptFiles
from services.node_agent.store.status_file import Status
from services.node_agent.telegram.in_memory_sign_in import InMemoryDoor
from services.node_agent.wiring.ports import NodeSettings, Ports
from shared.clock import Clock
from shared.contracts import names
from shared.contracts.heartbeats import NodeFacts
from shared.messaging import Route
from shared.messaging.in_memory import InMemoryBus
from shared.randomness import Randomness
from tests.support.agent.model_registry import ModelRegistry
from tests.support.agent.orders import NODE, order
from tests.support.agent.trusting import KeptInMemory, trust_of

T = TypeVar("T")


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


async def at_once(function: Callable[..., T], *arguments: Any) -> T:
    """Compute here and now, so that virtual time knows when it is done."""
    return function(*arguments)


@dataclass(frozen=True)
class Brought:
    """What a test brings; `beat` is the heartbeat's interval, `telegram` is made for an agent's logins."""

    telegram: Callable[[SessionBytes], Telegram]
    sessions: SessionFiles
    open_ledger: Callable[[], Coroutine[Any, Any, Connection]]
    clock: Clock
    randomness: Randomness
    beat: float
    offload: Offload = at_once
    timer: NoTimer = field(default_factory=NoTimer)
    sync: float = 60.0


class Surroundings:
    """A bus, a model of the registry, files and downloads. They outlive the agents that run in them."""

    def __init__(self, brought: Brought) -> None:
        self.bus = InMemoryBus(brought.clock, brought.randomness)
        self.registry = ModelRegistry(self.bus)
        self.files = InMemoryScriptFiles()
        self.downloads = Downloads()
        self.status = Statuses()
        self.logins = Logins()
        self.door = InMemoryDoor()
        self.trust = trust_of(NODE, brought.clock)
        self.kept = KeptInMemory()
        self._brought = brought
        self.bus.attach(self.registry.routes())
        self.bus.declare(names.node_commands_queue(NODE))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """An agent that runs for the length of the context."""
        brought = self._brought
        settings = NodeSettings(NODE, NodeFacts(hostname="h"), brought.beat, login_sync_seconds=brought.sync)
        task = asyncio.create_task(Agent(settings, self._ports()).run())
        try:
            yield
            assert not task.done(), f"the agent ended by itself: {task}"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def deliver(self, text: str, number: int = 1, /, **changes: Any) -> None:
        """Order a script; see `order`."""
        await self.bus.publish(order(text, number, **changes))

    async def close(self) -> None:
        """End the bus's consumers."""
        await self.bus.close()

    def _ports(self) -> Ports:
        brought, logins = self._brought, Logins()
        self.logins = logins
        return Ports(
            bus=self.bus,
            consume=self._consume,
            telegram=brought.telegram(FolderAndMemory(brought.sessions, logins)),
            sessions=brought.sessions,
            open_ledger=brought.open_ledger,
            files=self.files,
            downloader=self.downloads,
            offload=brought.offload,
            status=self.status,
            trust=self.trust,
            kept=self.kept,
            clock=brought.clock,
            randomness=brought.randomness,
            logins=logins,
            door=self.door,
            timer=brought.timer,
        )

    async def _consume(self, route: Route) -> None:
        tasks = self.bus.attach([route])
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
