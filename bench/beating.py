"""Nodes that beat and wait for their leases: what `bench.returning` takes away the broker from.

The nodes of a group share a connection, as ten thousand processes would not fit on one machine; everything else each of
them has for itself: its queue, its beat with its own jitter, its lease. When the connection is lost, the group comes
back as a real agent does, after a pause with jitter and back-off, and declares its queues anew.
"""

import asyncio
import random
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage

from bench.load import digest
from shared.contracts import names
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.leases import GrantLease

GROUP = 250
# Declarations under way at once, for all groups: queues are made at a bounded rate.
DECLARING = 50
FIRST_PAUSE, MOST_PAUSE = 0.5, 5.0
EMPTY_LEDGER = "0" * 32


class Fleet:
    """N nodes on N / 250 connections."""

    def __init__(self, url: str, count: int, beat_seconds: float) -> None:
        self._url = url
        self._beat_seconds = beat_seconds
        self._declaring = asyncio.Semaphore(DECLARING)
        self._confirmed = asyncio.Semaphore(500)
        self._dice = random.Random(1)
        self.nodes = {f"sim-{number}": _Node(f"sim-{number}", number) for number in range(count)}

    async def __aenter__(self) -> Self:
        nodes = list(self.nodes.values())
        groups = [nodes[start : start + GROUP] for start in range(0, len(nodes), GROUP)]
        self._tasks = [asyncio.create_task(self._live(group)) for group in groups]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def leased_since(self, moment: float, count: int, seconds: float) -> None:
        """Wait until so many nodes have a lease for a beat that was sent after the moment (monotonic seconds)."""
        async with asyncio.timeout(seconds):
            while sum(node.leased_at > moment for node in self.nodes.values()) < count:
                await asyncio.sleep(0.1)

    async def _live(self, group: list["_Node"]) -> None:
        failures = 0
        while True:
            try:
                async with await aio_pika.connect(self._url, timeout=30) as connection:
                    events = await self._connected(connection, group)
                    failures = 0
                    async with asyncio.TaskGroup() as beats:
                        beats.create_task(_held(connection))
                        for node in group:
                            beats.create_task(self._beat(node, events))
            except* (TimeoutError, aio_pika.exceptions.AMQPError, OSError, RuntimeError):
                failures += 1
            await asyncio.sleep(min(MOST_PAUSE, FIRST_PAUSE * 2**failures) * self._dice.uniform(0.8, 1.2))

    async def _connected(self, connection: AbstractConnection, group: list["_Node"]) -> AbstractExchange:
        channel = await connection.channel()
        commands = await channel.declare_exchange(names.COMMANDS, "direct", durable=True)
        events = await channel.declare_exchange(names.EVENTS, "topic", durable=True)
        for node in group:
            async with self._declaring:
                declared = names.node_commands_queue(node.name)
                queue = await channel.declare_queue(declared.name, durable=True, arguments=dict(declared.arguments))
                await queue.bind(commands, names.command_key(node.name))
                await queue.consume(node.on_command, no_ack=True)
        return events

    async def _beat(self, node: "_Node", events: AbstractExchange) -> None:
        await asyncio.sleep(self._dice.uniform(0, self._beat_seconds))
        while True:
            body = node.next_beat().model_dump_json().encode()
            message = aio_pika.Message(body, headers={"cloudEvents:type": HeartbeatReported.TYPE}, delivery_mode=2)
            async with self._confirmed:
                await events.publish(message, names.heartbeat_key(node.name), timeout=10)
            await asyncio.sleep(self._beat_seconds * self._dice.uniform(0.9, 1.1))


async def _held(connection: AbstractConnection) -> None:
    """Raise when the connection is lost: a publish that dies with it is only cancelled, and would end in silence."""
    while not connection.is_closed:
        await asyncio.sleep(0.2)
    raise ConnectionError("the connection was lost")


class _Node:
    """One node: a quiet one, so its digest stays. `leased_at` is when the beat of its newest lease was sent."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.leased_at = 0.0
        self._digest = digest(number, 1)
        self._seq = 0
        self._sent: dict[int, float] = {}
        self._boot = time.time_ns() // 1_000

    def next_beat(self) -> HeartbeatReported:
        """The next beat; full until the first lease."""
        self._seq += 1
        self._sent = {seq: at for seq, at in self._sent.items() if seq > self._seq - 10} | {self._seq: time.monotonic()}
        full = self.leased_at == 0
        return HeartbeatReported(
            node_id=self.name,
            boot=self._boot,
            seq=self._seq,
            ledger_id=EMPTY_LEDGER,
            full=full,
            base_digest=None if full else self._digest,
            digest=self._digest,
            account_count=0,
            sent_at=datetime.now(UTC),
        )

    async def on_command(self, message: AbstractIncomingMessage) -> None:
        """Take a lease."""
        grant = GrantLease.model_validate_json(message.body)
        if grant.full_report:
            raise ValueError(f"{self.name} was asked for a full report: the bench's beats are wrong")
        self.leased_at = max(self.leased_at, self._sent.get(grant.seq, 0.0))
