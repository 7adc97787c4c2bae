"""A deployer in this process on real servers, a registry's voice, and a small agent that speaks AMQP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import asyncpg
import httpx

from services.deployer.app import DeployerApp
from services.deployer.settings import DeployerSettings
from shared.clock import SystemClock
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.deliveries import (
    DeliverArtifact,
    DeliveryOutcome,
    DeliveryReported,
    ForgetDelivery,
    RemoveArtifact,
)
from shared.contracts.fleet import NodeObserved, NodeStatus
from shared.contracts.heartbeats import NodeFacts
from shared.contracts.identifiers import content_hash
from shared.contracts.names import node_commands_queue
from shared.messaging.bus import Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.messaging.topology import static_queues
from shared.randomness import SystemRandomness
from tests.support.live_http import free_url
from tests.support.waiting import until

TOKEN = "token-of-the-tests"
CLOCK, RANDOMNESS = SystemClock(), SystemRandomness()


@asynccontextmanager
async def running(*jobs: Callable[[], Any]) -> AsyncIterator[None]:
    """The jobs, for the length of the context; one that fails is an error of the test."""
    tasks = [asyncio.create_task(job()) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [outcome for outcome in outcomes if not isinstance(outcome, asyncio.CancelledError | None)]
    assert not failures, failures


def settings(database_url: str, amqp_url: str, **changes: Any) -> DeployerSettings:
    """Settings for real servers; what is not answered is sent again soon."""
    url = free_url()
    values: dict[str, Any] = {
        "amqp_url": amqp_url,
        "database_url": database_url,
        "token": TOKEN,
        "secret": "secret-of-the-tests",
        "public_url": url,
        "http_port": int(url.rsplit(":", 1)[1]),
        "resend_first_seconds": 0.4,
        "resend_most_seconds": 1.0,
    }
    return DeployerSettings(**(values | changes))


class Deployer:
    """A running deployer with a client of its API."""

    def __init__(self, given: DeployerSettings) -> None:
        self.app = DeployerApp(given)
        self._database_url = given.database_url.replace("postgresql+asyncpg", "postgresql")
        headers = {"authorization": f"Bearer {TOKEN}"}
        self.http = httpx.AsyncClient(base_url=given.public_url, headers=headers, timeout=10)

    @asynccontextmanager
    async def up(self, *, ready: bool = True) -> AsyncIterator["Deployer"]:
        """Run it until the end of the context; without `ready` as soon as it answers."""
        try:
            async with running(*self.app.jobs.values()):
                await until(self._is_ready if ready else self._answers, "the deployer is ready")
                yield self
        finally:
            await self.http.aclose()
            await self.app.close()

    async def knows(self, *node_ids: str) -> None:
        """Wait until the nodes' observations are recorded: a selector selects only what is known."""
        connection = await asyncpg.connect(self._database_url, timeout=10)
        try:

            async def known() -> bool:
                rows = await connection.fetch("select node_id from deployer.nodes")
                return {row["node_id"] for row in rows} >= set(node_ids)

            await until(known, f"{node_ids} are known")
        finally:
            await connection.close(timeout=10)

    async def push(self, source: str) -> None:
        """Push a script."""
        content = source.encode()
        response = await self.http.post(
            "/api/v1/group-ai/scripts", content=content, headers={"content-type": "application/yaml"}
        )
        assert response.status_code == 201, response.text

    async def deploy(self, script_id: str, **body: Any) -> str:
        """Order a deployment; its id."""
        response = await self.http.post(f"/api/v1/group-ai/script-deployment/deploy/{script_id}", json=body)
        assert response.status_code == 202, response.text
        return str(response.json()["deployment_id"])

    async def steer(self, deployment_id: str, act: str, **body: Any) -> dict[str, Any]:
        """Approve, pause, resume, abort, retry, roll back."""
        path = f"/api/v1/group-ai/script-deployment/deployments/{deployment_id}/{act}"
        response = await self.http.post(path, json=body or None)
        assert response.status_code in (200, 202), response.text
        return dict(response.json())

    async def deployment(self, deployment_id: str) -> dict[str, Any]:
        """A deployment with its deliveries."""
        path = f"/api/v1/group-ai/script-deployment/deployments/{deployment_id}"
        return dict((await self.http.get(path, params={"limit": 1000})).json())

    async def ended(self, deployment_id: str, state: str = "succeeded", seconds: float = 30) -> dict[str, Any]:
        """The deployment once it has this state."""

        async def has_ended() -> dict[str, Any] | None:
            found = await self.deployment(deployment_id)
            return found if found["state"] == state else None

        return await until(has_ended, f"the deployment is {state}", seconds) or {}

    async def _is_ready(self) -> bool:
        try:
            return (await self.http.get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def _answers(self) -> bool:
        try:
            return (await self.http.get("/health/live")).status_code == 200
        except httpx.TransportError:
            return False


class Agent:
    """A node that loads whatever it is told and says so; `deaf` orders are taken and not answered."""

    def __init__(self, amqp_url: str, node_id: str) -> None:
        self.node_id = node_id
        self.bus = RabbitBus(amqp_url, f"node_agent/{node_id}", [*static_queues(30)], CLOCK, RANDOMNESS)
        self._queue = node_commands_queue(node_id)
        self._amqp_url = amqp_url
        self.orders: list[DeliverArtifact] = []
        self.forgotten: list[str] = []
        self.loaded: dict[str, bytes] = {}
        self.deaf: Callable[[DeliverArtifact], bool] = lambda _: False
        self.seq = 0

    @asynccontextmanager
    async def up(self) -> AsyncIterator["Agent"]:
        """Consume the node's orders until the end of the context."""
        handlers = {
            DeliverArtifact: self._on_order,
            RemoveArtifact: self._on_removal,
            ForgetDelivery: self._on_forget,
        }
        route = Route(self._queue, handlers)  # type: ignore[arg-type]
        consumer = RabbitConsumer(self._amqp_url, [route], self.bus, CLOCK, RANDOMNESS)
        async with running(consumer.run):
            await until(lambda: consumer.consuming, "the agent consumes")
            await self.announce()
            yield self
        await self.bus.close()

    async def announce(self, **changes: Any) -> None:
        """What the registry says when it has this node's beat."""
        self.seq += 1
        fields: dict[str, Any] = {
            "node_id": self.node_id,
            "change": "online",
            "status": NodeStatus.ONLINE,
            "boot": 1,
            "seq": self.seq,
            "node": NodeFacts(labels={"region": "eu"}),
            "artifacts": list[AppliedArtifact](),
            "at": CLOCK.now(),
        }
        await self.bus.publish(NodeObserved(**(fields | changes)))

    async def _on_order(self, order: DeliverArtifact) -> None:
        self.orders.append(order)
        if self.deaf(order):
            return
        content = order.content.encode() if order.content is not None else await _fetched(order.url)
        assert (len(content), content_hash(content)) == (order.size, order.artifact.hash)
        await self.report(order, DeliveryOutcome.RECEIVED)
        self.loaded[order.artifact.id] = content
        await self.report(order, DeliveryOutcome.APPLIED, loaded_hash=order.artifact.hash, tests_passed=True)

    async def _on_removal(self, order: RemoveArtifact) -> None:
        self.loaded.pop(order.removes.id, None)
        await self.report(order, DeliveryOutcome.APPLIED)

    async def _on_forget(self, order: ForgetDelivery) -> None:
        self.forgotten.append(order.delivery_id)

    async def report(self, order: DeliverArtifact | RemoveArtifact, outcome: DeliveryOutcome, **more: Any) -> None:
        """Say how far an order has come."""
        known = {"node_id": self.node_id, "delivery_id": order.delivery_id, "attempt": order.attempt}
        await self.bus.publish(DeliveryReported(**known, outcome=outcome, at=CLOCK.now(), **more))


async def _fetched(url: str | None) -> bytes:
    assert url is not None
    async with httpx.AsyncClient(timeout=10) as http:
        response = await http.get(url)
    assert response.status_code == 200, response.text
    return response.content


async def purge(amqp_url: str, queue: str) -> None:
    """Lose every message of a queue, as a broker that lost its disk does."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await (await channel.get_queue(queue)).purge()


class Listener:
    """Everything that is announced on the events exchange under a key."""

    def __init__(self, amqp_url: str, key: str) -> None:
        self._amqp_url = amqp_url
        self._key = key
        self.heard: list[dict[str, Any]] = []

    @asynccontextmanager
    async def up(self) -> AsyncIterator["Listener"]:
        """Listen until the end of the context."""
        async with await aio_pika.connect(self._amqp_url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            await queue.bind("callboard.events", self._key)
            await queue.consume(self._hear, no_ack=True)
            yield self

    async def _hear(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        self.heard.append(json.loads(message.body))
