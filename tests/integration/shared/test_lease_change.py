"""A queue that is on the broker with other arguments: a changed lease must not stop a fleet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aio_pika
import pytest
from aiormq.exceptions import ChannelPreconditionFailed
from yarl import URL

from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.heartbeats import HeartbeatReported
from shared.messaging import PublishFailed, Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.messaging.topology import static_queues
from shared.randomness import SystemRandomness
from tests.support.queues import look_at
from tests.support.waiting import until

CLOCK, RANDOMNESS = SystemClock(), SystemRandomness()
OLD, NEW = 30.0, 60.0


class Replica:
    """A registry as the broker sees it: a publisher, a reader of heartbeats, and the beats that it got.

    The reader may have a way to the broker of its own.
    """

    def __init__(self, url: str, lease: float, reads_by: str | None = None) -> None:
        self.got: list[int] = []
        self.bus = RabbitBus(url, "registry", static_queues(lease), CLOCK, RANDOMNESS)
        route = Route(names.heartbeats_queue(lease), {HeartbeatReported: self._take})
        self.consumer = RabbitConsumer(reads_by or url, [route], self.bus, CLOCK, RANDOMNESS)

    async def _take(self, beat: HeartbeatReported) -> None:
        self.got.append(beat.seq)

    @asynccontextmanager
    async def up(self) -> AsyncIterator["Replica"]:
        """Run it until the end of the context."""
        task = asyncio.create_task(self.consumer.run())
        try:
            await until(lambda: self.consumer.consuming, "the replica consumes")
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.bus.close()

    async def beats(self, *seqs: int) -> None:
        """Publish heartbeats."""
        for seq in seqs:
            await self.bus.publish(beat(seq))


def beat(seq: int) -> HeartbeatReported:
    """A quiet node's beat."""
    nothing = "0" * 32
    return HeartbeatReported(
        node_id="n", boot=1, seq=seq, ledger_id=nothing, full=True, digest=nothing, account_count=0,
        sent_at=datetime.now(UTC),
    )  # fmt: skip


async def lease_on_the_broker(url: str) -> float:
    """The lease for which the queue was declared, found by declaring it."""
    async with await aio_pika.connect(url) as connection:
        for lease in (OLD, NEW):
            channel = await connection.channel()
            queue = names.heartbeats_queue(lease)
            try:
                await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments))
            except ChannelPreconditionFailed:
                continue
            return lease
    raise AssertionError("neither lease")


async def reading(url: str, replicas: int) -> bool:
    """Whether the queue has so many readers."""
    return (await look_at(url, names.HEARTBEATS_QUEUE)).consumers == replicas


class Line:
    """A way to the broker that can be cut and mended. Until it is mended nobody gets through."""

    def __init__(self, url: str) -> None:
        self._broker = URL(url)
        self._port = 0
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The broker, by this way."""
        return str(self._broker.with_host("127.0.0.1").with_port(self._port))

    async def __aenter__(self) -> "Line":
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def mend(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._call, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Cut all that are through, and let no other in."""
        if self._server is not None:
            self._server.close()
        for call in self._calls:
            call.cancel()

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        up_reader, up_writer = await asyncio.open_connection(self._broker.host, self._broker.port)
        try:
            await asyncio.gather(_pass(reader, up_writer), _pass(up_reader, writer))
        finally:
            writer.close()
            up_writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.close()


async def test_a_restart_with_another_lease_renews_the_queue(amqp_url: str) -> None:
    """A changed setting would end in a registry that restarts its consumer for ever."""
    async with Replica(amqp_url, OLD).up() as replica:
        await replica.beats(1)
        await until(lambda: replica.got == [1], "the first beat arrives")
    async with Replica(amqp_url, NEW).up() as replica:
        await replica.beats(2)
        await until(lambda: replica.got == [2], "a beat arrives after the change")
        assert await lease_on_the_broker(amqp_url) == NEW


async def test_replicas_with_different_leases_share_the_queue_that_is_there(amqp_url: str) -> None:
    """During an update old and new replicas would delete each other's queue in turns."""
    async with Replica(amqp_url, OLD).up() as old, Replica(amqp_url, NEW).up() as new:
        assert await lease_on_the_broker(amqp_url) == OLD and await reading(amqp_url, 2)
        await old.beats(*range(20))
        await new.beats(*range(20, 40))
        await until(lambda: sorted(old.got + new.got) == list(range(40)), "every beat arrives once")
        assert old.got and new.got


async def test_who_does_not_read_the_queue_leaves_it_alone(amqp_url: str) -> None:
    """A deployer with another setting would take the queue from the registry, or not be able to publish."""
    async with Replica(amqp_url, OLD).up():
        pass
    other = RabbitBus(amqp_url, "deployer", static_queues(NEW), CLOCK, RANDOMNESS)
    await other.publish(beat(1))
    await other.close()
    assert await lease_on_the_broker(amqp_url) == OLD


async def test_a_replica_that_was_cut_off_finds_its_way_back_to_a_renewed_queue(amqp_url: str) -> None:
    """It would read nothing for ever, and nobody would see it, because another replica reads."""
    async with Line(amqp_url) as line, Replica(amqp_url, OLD, line.url).up() as old:
        line.cut()
        await until(lambda: reading(amqp_url, 0), "the broker has noticed")
        async with Replica(amqp_url, NEW).up() as new:
            await line.mend()
            await until(lambda: reading(amqp_url, 2), "both replicas read the renewed queue", 40)
            await new.beats(*range(40))
            await until(lambda: sorted(old.got + new.got) == list(range(40)), "every beat arrives once")
            assert old.got and new.got
        assert await lease_on_the_broker(amqp_url) == NEW


async def test_another_queue_with_other_arguments_is_named_with_what_to_do(amqp_url: str) -> None:
    """'PRECONDITION_FAILED' alone sends an operator to the broker's documentation."""
    queue = names.deployer_reports_queue()
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        await channel.declare_queue(queue.name, durable=True, arguments={**queue.arguments, "x-delivery-limit": 7})
    bus = RabbitBus(amqp_url, "deployer", [queue], CLOCK, RANDOMNESS)
    with pytest.raises(PublishFailed) as failed:
        await bus.publish(beat(1))
    await bus.close()
    for words in (
        "queue deployer.reports",
        "x-delivery-limit",
        "'7'",
        "'20'",
        "rabbitmqctl delete_queue deployer.reports",
    ):
        assert words in str(failed.value)
