"""A whole registry on a real broker and a real database, and a node that speaks to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aio_pika
import httpx
import pytest
from pydantic import SecretStr

from services.registry.app import Registry
from services.registry.settings import Settings
from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.contract import Contract
from shared.contracts.leases import GrantLease, RefuseLease
from shared.contracts.own_accounts import NameOwnAccounts
from shared.messaging import Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.randomness import SystemRandomness
from tests.support import servers
from tests.support.ports import free_port
from tests.support.waiting import until

Answer = TypeVar("Answer", GrantLease, RefuseLease, NameOwnAccounts)

TOKEN = "a-token-for-these-tests"


@pytest.fixture
def settings(amqp_url: str, database_url: str, broker_server: servers.Broker) -> Settings:
    """A registry with a lease of a usual length."""
    return Settings(
        amqp_url=amqp_url,
        management_url=broker_server.management,
        database_url=database_url,
        token=SecretStr(TOKEN),
        http_port=free_port(),
        sweep_seconds=0.2,
        verdict_margin_seconds=0.5,
    )


class Running:
    """A running registry: its API, and its broker by hand."""

    def __init__(self, settings: Settings, api: httpx.AsyncClient) -> None:
        self.settings = settings
        self.api = api

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON at a path, which must be there."""
        response = await self.api.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def accounts(self) -> dict[str, Any]:
        """Every account's row by id."""
        return {row["account_id"]: row for row in (await self.get("/api/v1/group-ai/accounts"))["items"]}

    async def publish_raw(self, key: str, body: bytes) -> None:
        """Publish bytes as an operator would in the management console: no headers."""
        connection = await aio_pika.connect(self.settings.amqp_url)
        async with connection, connection.channel() as channel:
            exchange = await channel.get_exchange(names.EVENTS)
            await exchange.publish(aio_pika.Message(body), routing_key=key)

    async def dead_letter(self) -> tuple[str, bytes]:
        """The next dead letter: its reason and its body."""
        connection = await aio_pika.connect(self.settings.amqp_url)
        async with connection, connection.channel() as channel:
            declared = names.dead_letters_queue()
            queue = await channel.declare_queue(declared.name, durable=True, arguments=dict(declared.arguments))
            found = await until(lambda: queue.get(no_ack=True, fail=False), "a dead letter")
            assert found is not None
            return str(found.headers["callboard-reason"]), found.body


@asynccontextmanager
async def running_registry(settings: Settings) -> AsyncIterator[Running]:
    """A registry until the end of the context."""
    registry = Registry(settings)
    tasks = [asyncio.create_task(job(), name=name) for name, job in registry.jobs.items()]
    base = f"http://127.0.0.1:{settings.http_port}"
    try:
        async with httpx.AsyncClient(base_url=base, headers={"authorization": f"Bearer {TOKEN}"}) as api:
            await until(lambda: is_ready(api), "the registry is ready")
            yield Running(settings, api)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await registry.close()


async def is_ready(api: httpx.AsyncClient) -> bool:
    """Whether the registry can do its work."""
    try:
        return (await api.get("/health/ready")).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
async def registry(settings: Settings) -> AsyncIterator[Running]:
    """A running registry."""
    async with running_registry(settings) as running:
        yield running


class Node:
    """Node `n` on the bus: it reports, and keeps the answers that it gets."""

    def __init__(self, bus: RabbitBus) -> None:
        self.bus = bus
        self.answers: list[Contract] = []

    async def keep(self, message: Contract) -> None:
        """An answer came."""
        self.answers.append(message)

    async def lease(self, seq: int) -> GrantLease:
        """The lease for a beat."""
        found = await until(
            lambda: [each for each in self.of(GrantLease) if each.seq == seq], f"a lease for beat {seq}"
        )
        return found[0]

    def _leases(self, seq: int) -> list[GrantLease]:
        return [lease for lease in self.of(GrantLease) if lease.seq == seq]

    async def refusal(self) -> RefuseLease:
        """The first refusal."""
        return (await until(lambda: self.of(RefuseLease), "a refusal"))[0]

    def of(self, kind: type[Answer]) -> list[Answer]:
        """The answers of a kind."""
        return [answer for answer in self.answers if isinstance(answer, kind)]


@pytest.fixture
async def node(settings: Settings) -> AsyncIterator[Node]:
    """A node whose queue is there."""
    clock, randomness = SystemClock(), SystemRandomness()
    # Not the heartbeats' queue: how long its messages live is the registry's setting.
    queues = (names.registry_reports_queue(), names.dead_letters_queue())
    bus = RabbitBus(settings.amqp_url, "node_agent/n", queues, clock, randomness)
    node = Node(bus)
    route = Route(
        names.node_commands_queue("n"), {GrantLease: node.keep, RefuseLease: node.keep, NameOwnAccounts: node.keep}
    )
    consumer = RabbitConsumer(settings.amqp_url, [route], bus, clock, randomness)
    task = asyncio.create_task(consumer.run())
    await until(lambda: consumer.consuming, "the node consumes")
    yield node
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bus.close()


def parse_events(text: str) -> list[dict[str, Any]]:
    """Server-sent events as dictionaries; `data` is parsed."""
    events = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "data" in fields:
            events.append(fields | {"data": json.loads(fields["data"])})
    return events
