"""Simulated agents for the fan-out: one process, one queue and one consumer for each, bare aio-pika.

They answer an order as a real agent does once it has loaded the script: one report with the hash of what came.
"""

import asyncio
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import aio_pika

from shared.contracts import names
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, DeliveryReported
from shared.contracts.fleet import NodeObserved, NodeStatus
from shared.contracts.heartbeats import NodeFacts

CONSUMERS_A_CHANNEL = 250
IN_FLIGHT = 200
COLLECTOR = "bench.collector"
FLOOR_TYPE = "bench.floor"


class Agents:
    """N agents on one connection to consume and one to publish."""

    def __init__(self, url: str, count: int) -> None:
        self._url = url
        self.node_ids = [f"sim-{number}" for number in range(count)]
        self._places = asyncio.Semaphore(IN_FLIGHT)

    async def __aenter__(self) -> Self:
        """Connect, declare every queue and start consuming."""
        self._incoming = await aio_pika.connect(self._url)
        self._outgoing = await aio_pika.connect(self._url)
        channel = await self._outgoing.channel(publisher_confirms=True)
        self._events = await channel.declare_exchange(names.EVENTS, "topic", durable=True)
        self._commands = await channel.declare_exchange(names.COMMANDS, "direct", durable=True)
        started = time.monotonic()
        for start in range(0, len(self.node_ids), CONSUMERS_A_CHANNEL):
            await self._consume(self.node_ids[start : start + CONSUMERS_A_CHANNEL])
        self.seconds_to_declare = time.monotonic() - started
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect; the queues go with the broker."""
        await self._incoming.close()
        await self._outgoing.close()

    async def introduce(self) -> None:
        """Make every node known to the deployer, as the registry would."""
        facts = NodeFacts(source="remote", hostname="simulated")
        now = datetime.now(UTC)
        await asyncio.gather(
            *(
                self._publish(
                    self._events,
                    "fleet.node.online",
                    NodeObserved.TYPE,
                    NodeObserved(
                        node_id=node, change="online", status=NodeStatus.ONLINE, boot=1, seq=1, node=facts, at=now
                    )
                    .model_dump_json()
                    .encode(),
                )
                for node in self.node_ids
            )
        )

    async def floor(self, content: bytes) -> float:
        """Seconds for N orders out and N reports back with nothing behind the broker."""
        channel = await self._incoming.channel()
        await channel.set_qos(prefetch_count=IN_FLIGHT)
        queue = await channel.declare_queue(COLLECTOR, durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind(self._events, "floor.*")
        arrived, last = 0, asyncio.Event()

        async def collect(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            nonlocal arrived
            await message.ack()
            arrived += 1
            if arrived == len(self.node_ids):
                last.set()

        tag = await queue.consume(collect)
        started = time.monotonic()
        body = content + b" " * 600  # an order's other fields weigh about this much
        await asyncio.gather(
            *(self._publish(self._commands, names.command_key(node), FLOOR_TYPE, body) for node in self.node_ids)
        )
        await asyncio.wait_for(last.wait(), 300)
        seconds = time.monotonic() - started
        await queue.cancel(tag)
        await channel.close()
        return seconds

    async def _consume(self, node_ids: list[str]) -> None:
        channel = await self._incoming.channel()
        await channel.set_qos(prefetch_count=10)
        for node in node_ids:
            declared = names.node_commands_queue(node)
            queue = await channel.declare_queue(declared.name, durable=True, arguments=dict(declared.arguments))
            await queue.bind(self._commands, names.command_key(node))
            await queue.consume(self._on_order)

    async def _on_order(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        if message.type == FLOOR_TYPE:
            await self._publish(self._events, "floor.report", FLOOR_TYPE, message.body[:400])
        else:
            order = DeliverArtifact.model_validate_json(message.body)
            await self._publish(self._events, names.delivery_key(order.node_id), DeliveryReported.TYPE, _report(order))
        await message.ack()

    async def _publish(self, exchange: aio_pika.abc.AbstractExchange, key: str, kind: str, body: bytes) -> None:
        async with self._places:
            message = aio_pika.Message(
                body, type=kind, headers={"cloudEvents:type": kind}, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
            )
            await exchange.publish(message, key)


def _report(order: DeliverArtifact) -> bytes:
    return (
        DeliveryReported(
            node_id=order.node_id,
            delivery_id=order.delivery_id,
            attempt=order.attempt,
            outcome=DeliveryOutcome.APPLIED,
            loaded_hash=order.artifact.hash,
            tests_passed=True,
            at=datetime.now(UTC),
        )
        .model_dump_json()
        .encode()
    )
