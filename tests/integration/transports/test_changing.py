"""A node changes its way to the back office between every two steps of a delivery, and hears orders by two ways.

The agent is whole but for Telegram: its ledger and its scripts are files, its transports and the back office are real.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from services.node_agent.app import Agent
from services.node_agent.domain.membership import Membership
from services.node_agent.settings import AgentSettings, TelegramSettings
from services.node_agent.store.database import FileConnection
from services.node_agent.store.download import HttpDownloader
from services.node_agent.store.script_files import ScriptFolder
from services.node_agent.store.session_files import InMemorySessions
from services.node_agent.telegram.in_memory import InMemoryTelegram
from services.node_agent.wiring.ports import NodeSettings, Ports, Transport
from services.node_agent.wiring.real import transport_of
from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.contract import Contract
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, DeliveryReported
from shared.contracts.heartbeats import HeartbeatReported, NodeFacts
from shared.contracts.parcels import ORDERS, packed
from shared.messaging import PublishFailed, Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.messaging.rabbit_mailbox import RabbitMailbox
from shared.randomness import SystemRandomness
from tests.integration.deployer.running import Listener, running
from tests.integration.transports.carrier import Carrier
from tests.integration.transports.office import BackOffice
from tests.support.agent.orders import script
from tests.support.agent.surroundings import Statuses
from tests.support.agent.trusting import KeptInMemory, trust_of
from tests.support.waiting import until

NODE = "wanderer"
WAYS = ("amqp", "http", "folder")
CLOCK, RANDOMNESS = SystemClock(), SystemRandomness()


class CountingFiles(ScriptFolder):
    """Script files that count how often they were replaced, and wait before it until `gate` is open."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gate = asyncio.Event()
        self.writes = 0

    async def write(self, script_id: str, content: bytes) -> None:
        """Replace the file."""
        await self.gate.wait()
        self.writes += 1
        await super().write(script_id, content)


class Muted:
    """A way out that does not take the reports that `mutes` names."""

    def __init__(self, way: Transport, mutes: Callable[[Contract], bool]) -> None:
        self._way = way
        self._mutes = mutes

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Publish, or fail."""
        if self._mutes(message):
            raise PublishFailed("this report is not to get through yet")
        await self._way.publish(message, message_id=message_id)


class Wanderer:
    """The node: its ledger and files stay, its way changes. `tap` sees every order that is sent to it."""

    def __init__(self, office: BackOffice, home: Path, amqp_url: str, membership: Membership) -> None:
        self.office = office
        self._membership = membership
        self.files = CountingFiles(home / "scripts")
        self.orders: list[DeliverArtifact] = []
        self.untold: list[Contract] = []
        self.inbox = home / "exchange" / "inbox"
        self._home, self._amqp_url = home, amqp_url
        self.bus = RabbitBus(amqp_url, "test", [names.node_commands_queue(NODE)], CLOCK, RANDOMNESS)
        self.mailbox = RabbitMailbox(amqp_url, self.bus, RANDOMNESS)
        self.carrier = Carrier(NODE, home / "exchange", self.bus, self.mailbox)

    @asynccontextmanager
    async def on(self, way: str, mutes: Callable[[Contract], bool] = lambda _: False) -> AsyncIterator[None]:
        """The agent runs and takes this way, for the length of the context."""
        settings = AgentSettings(
            transport=way,
            exchange_dir=self._home / "exchange",
            telegram=TelegramSettings(api_id=1, api_hash=SecretStr("h")),
        )
        transport = transport_of(settings, self._membership, CLOCK, RANDOMNESS)
        ports = Ports(
            bus=Muted(transport, mutes),
            consume=transport.consume,
            telegram=InMemoryTelegram(CLOCK),
            sessions=InMemorySessions(),
            open_ledger=lambda: FileConnection.open(self._home / "ledger.sqlite"),
            files=self.files,
            downloader=HttpDownloader(),
            offload=asyncio.to_thread,
            status=Statuses(),
            trust=trust_of(NODE, CLOCK, self._membership.given.keys),
            kept=KeptInMemory(),
            clock=CLOCK,
            randomness=RANDOMNESS,
            close=transport.close,
        )
        jobs: list[Callable[[], Coroutine[Any, Any, None]]] = [Agent(NodeSettings(NODE, NodeFacts(), 0.3), ports).run]
        if way == "folder":
            jobs.append(self.carrier.run)
        async with running(*jobs):
            await until(self._online, f"the node is online by {way}")
            yield

    async def again(self) -> None:
        """The last order comes by two ways more: through the node's queue and in its inbox."""
        order = self.orders[-1]
        await self.bus.publish(order, message_id=RANDOMNESS.new_id())
        self.carrier.put(packed(order, RANDOMNESS.new_id()))

    def tells_the_end(self, message: Contract) -> bool:
        """Whether a message says that the script is loaded; remembers that there was one."""
        match message:
            case DeliveryReported(outcome=DeliveryOutcome.APPLIED):
                self.untold.append(message)
                return True
            case HeartbeatReported(artifacts=loaded):
                return bool(loaded)
        return False

    async def state(self, deployment_id: str) -> str:
        """The state of the delivery."""
        (delivery,) = (await self.office.deployer.deployment(deployment_id))["deliveries"]
        return str(delivery["state"])

    async def _online(self) -> bool:
        response = await self.office.http.get(f"/api/v1/workers/{NODE}")
        return response.status_code == 200 and response.json()["status"] == "online"


@pytest.fixture
async def node(office: BackOffice, amqp_url: str, tmp_path: Path) -> AsyncIterator[Wanderer]:
    """A node that does not run yet."""
    node = Wanderer(office, tmp_path, amqp_url, await office.enrolled(NODE, tmp_path / "state"))

    async def seen(order: DeliverArtifact) -> None:
        node.orders.append(order)

    # A tap on what is sent to the node, beside its queue.
    tap = names.Queue("tap", (names.Binding(names.COMMANDS, names.command_key(NODE)),), exclusive=True)
    ignored = {contract: _ignore for contract in ORDERS if contract is not DeliverArtifact}
    consumer = RabbitConsumer(amqp_url, [Route(tap, {DeliverArtifact: seen, **ignored})], node.bus, CLOCK, RANDOMNESS)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(consumer.run))
        await until(lambda: consumer.consuming, "the tap is open")
        yield node
    await node.mailbox.close()
    await node.bus.close()


@pytest.mark.parametrize(("first", "second", "third"), list(permutations(WAYS)))
async def test_the_way_changes_at_every_step(
    node: Wanderer, amqp_url: str, first: str, second: str, third: str
) -> None:
    """A delivery would get stuck between two ways, or be applied or told twice."""
    deployer = node.office.deployer
    async with node.on(first):
        await deployer.knows(NODE)
    async with Listener(amqp_url, "deploy.delivery.*").up() as listener:
        await deployer.push(script("hi"))
        deployment_id = await deployer.deploy("greeter", node_ids=[NODE])
        await until(lambda: node.orders, "the order is sent")
        assert await node.state(deployment_id) == "sent"
        await node.again()

        async with node.on(second):
            await until(lambda: _is(node, deployment_id, "received"), "it is received")
            await node.again()

        node.files.gate.set()
        async with node.on(third, mutes=node.tells_the_end):
            await until(lambda: node.untold, "it is applied, and in the ledger with its report")
            await node.again()
        assert await node.state(deployment_id) == "received"

        async with node.on(first):
            await deployer.ended(deployment_id)
            await node.again()
        async with node.on("folder"):
            await until(lambda: not list(node.inbox.iterdir()), "the late copies are taken")
        states = Counter(one["state"] for one in listener.heard)
    assert states == Counter(("sent", "received", "applied", "verified"))
    assert node.files.writes == 1


async def _is(node: Wanderer, deployment_id: str, state: str) -> bool:
    return await node.state(deployment_id) == state


async def _ignore(_: Contract) -> None:
    return None
