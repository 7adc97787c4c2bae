"""A real agent process, the real sandbox and the real broker; only the registry is a model."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from services.telegram_sandbox.api.bodies import MessageRow
from shared.clock import SystemClock
from shared.contracts import names
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.randomness import SystemRandomness
from tests.contract.node_agent.telegram_worlds import SandboxWorld
from tests.support.agent.model_registry import ModelRegistry
from tests.support.agent.orders import NODE
from tests.support.agent.trusting import write_identity
from tests.support.waiting import until

LEASE_SECONDS = 6.0


class RealNode:
    """What a node has around it. `start` and `stop` are its agent's."""

    def __init__(self, amqp_url: str, home: Path, world: SandboxWorld) -> None:
        self.home, self.world = home, world
        self._amqp_url = amqp_url
        clock, randomness = SystemClock(), SystemRandomness()
        self.registry = ModelRegistry(lease_seconds=LEASE_SECONDS)
        routes = self.registry.routes()
        queues = [*(route.queue for route in routes), names.node_commands_queue(NODE)]
        self.bus = RabbitBus(amqp_url, "registry", queues, clock, randomness)
        self.registry.bus = self.bus
        self._consumer = RabbitConsumer(amqp_url, routes, self.bus, clock, randomness)
        self._consuming: asyncio.Task[None] | None = None
        self.process: asyncio.subprocess.Process | None = None

    @classmethod
    async def open(cls, amqp_url: str, home: Path) -> "RealNode":
        """Everything but the agent, running."""
        node = cls(amqp_url, home, await SandboxWorld.open(home))
        node._consuming = asyncio.create_task(node._consumer.run())
        await until(lambda: node._consumer.consuming, "the model registry consumes")
        return node

    async def close(self) -> None:
        """End everything."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        if self._consuming is not None:
            self._consuming.cancel()
            await asyncio.gather(self._consuming, return_exceptions=True)
        await self.bus.close()
        await self.world.close()

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start an agent process (or `health`)."""
        write_identity(self.home / "state", NODE, self._amqp_url)
        log = (self.home / "agent.log").open("ab")
        with log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.node_agent", *arguments, env=self.environment(), stdout=log, stderr=log
            )
        return self.process

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the agent a signal; its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 10)

    def environment(self) -> dict[str, str]:
        """The agent's settings."""
        place = self.world.sandbox.place
        return os.environ | {
            "CALLBOARD_STATE_DIR": str(self.home / "state"),
            "CALLBOARD_SESSIONS_DIR": str(self.world.folder),
            "CALLBOARD_HEARTBEAT_SECONDS": "0.5",
            "CALLBOARD_SCRIPT_CHECK_SECONDS": "0.5",
            "CALLBOARD_LABELS": "rack=7,site=attic",
            "CALLBOARD_TELEGRAM__API_ID": "1",
            "CALLBOARD_TELEGRAM__API_HASH": "sandbox",
            "CALLBOARD_TELEGRAM__SERVER_ADDRESS": place.address,
            "CALLBOARD_TELEGRAM__SERVER_PORT": str(place.port),
            "CALLBOARD_TELEGRAM__SERVER_KEY_FILE": str(self.home / "sandbox.pem"),
            "CALLBOARD_TELEGRAM__DC_ID": str(place.dc_id),
        }

    def log(self) -> str:
        """What the agent has logged."""
        return (self.home / "agent.log").read_text()

    async def until_online(self, seconds: float = 20) -> None:
        """Wait until the registry has both accounts online."""

        def online() -> bool:
            return [row.status.value for row in self.registry.accounts.values()] == ["online", "online"]

        await until(online, "both accounts are online", seconds)

    async def answers(self, text: str, after: int = 0) -> list[MessageRow]:
        """The accounts' messages with this text."""
        rows = await self.world.admin.messages(self.world.chat_id, after)
        return [row for row in rows if row.text == text and row.sender_id != self.world.guest_id]
