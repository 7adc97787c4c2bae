"""The way out to RabbitMQ: confirmed, persistent, and with an end to every wait.

One connection for publishing, apart from the one that consumes, named so that the management console shows who
is who. It connects by itself when something is published. After a failure the connection is thrown away and the
next message makes a new one and declares the topology on it: a broker that came back with an empty disk has no
exchanges, and publishing to a missing exchange closes the channel. A broker that lets nobody in is asked again after a
growing pause, however many messages come meanwhile: they fail with its last answer. A node's login may declare nothing:
there the back office does it, and a message fails until it has.
"""

import asyncio
from collections.abc import Sequence
from typing import cast

import aio_pika
import aiormq
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import PublishError
from faststream.rabbit import Channel, RabbitBroker

from shared.cancellation import cancelled_by_caller
from shared.clock import Clock
from shared.contracts import envelope, names
from shared.contracts.catalogue import ENTRY_BY_CONTRACT, must_be_taken, routing_key
from shared.contracts.contract import Contract
from shared.messaging import topology
from shared.messaging.bus import PublishFailed, Unroutable
from shared.messaging.connection import new_broker, stop_quietly
from shared.messaging.door import Door
from shared.messaging.handling import Received
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

# A confirm takes milliseconds, a quorum queue that elects a leader a few seconds, a new connection as much.
PUBLISH_TIMEOUT = 10.0


class RabbitBus:
    """Publishes contracts. `source` names this process: `registry`, `node_agent/demo-a`.

    `queues` are declared with all exchanges; None declares nothing at all. All connections of the process ask at
    `door`.
    """

    def __init__(
        self, url: str, source: str, queues: Sequence[names.Queue] | None, clock: Clock, randomness: Randomness
    ) -> None:
        self._url = url
        self._source = source
        self._queues = queues
        self._clock = clock
        self._randomness = randomness
        self._broker: RabbitBroker | None = None
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._preparing = asyncio.Lock()
        self.door = Door(clock, randomness)

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Publish and wait for the broker's confirm. Raises PublishFailed or Unroutable."""
        entry = ENTRY_BY_CONTRACT[type(message)]
        head = envelope.Envelope(
            id=message_id or self._randomness.new_id(),
            source=f"/callboard/{self._source}",
            type=message.TYPE,
            time=self._clock.now(),
        )
        await self._send(
            entry.exchange,
            routing_key(message),
            message.model_dump_json().encode(),
            headers=head.headers(),
            mandatory=must_be_taken(entry),
        )

    async def bury(self, received: Received, reason: str) -> None:
        """Make a dead letter of a message, its own envelope kept and the reason beside it. Raises PublishFailed."""
        headers = {
            envelope.DEAD_REASON: reason[:2000],
            envelope.DEAD_QUEUE: received.queue,
            envelope.DEAD_EXCHANGE: received.exchange,
            envelope.DEAD_ROUTING_KEY: received.routing_key,
            envelope.DEAD_AT: self._clock.now().isoformat(),
        }
        if received.type_name:
            headers[envelope.TYPE] = received.type_name
        await self._send(names.DEAD, "", received.body, headers=headers, mandatory=True)
        log.warning("message_dead_lettered", queue=received.queue, key=received.routing_key, reason=reason)

    @property
    def source(self) -> str:
        """The name of this process on the bus."""
        return self._source

    @property
    def declares(self) -> bool:
        """Whether this process declares what it uses."""
        return self._queues is not None

    async def close(self) -> None:
        """Close the connection."""
        await self._discard(self._broker)

    async def _send(self, exchange: str, key: str, body: bytes, *, headers: dict[str, str], mandatory: bool) -> None:
        message = aio_pika.Message(
            body,
            headers=dict(headers),
            message_id=headers.get(envelope.ID),
            type=headers.get(envelope.TYPE),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        broker: RabbitBroker | None = None
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT):
                broker = await self._prepared()
                await self._publish_unlocked(message, exchange, key, mandatory)
        except PublishError as error:
            raise Unroutable(f"no queue takes {key!r} of {exchange}") from error
        except asyncio.CancelledError:
            if cancelled_by_caller():
                raise
            await self._discard(broker)
            raise PublishFailed("the connection to the broker died while publishing") from None
        except Exception as error:
            await self._discard(broker)
            raise PublishFailed(f"{type(error).__name__}: {error}") from error

    async def _publish_unlocked(self, message: aio_pika.Message, exchange: str, key: str, mandatory: bool) -> None:
        # `broker.publish` holds a lock of the channel until the socket was drained, three turns of the event loop for
        # each message: in a busy process that is a few hundred messages a second, however many publish at once.
        # Without the drain they go out side by side, and the confirm that each of them awaits bounds how many.
        assert self._channel is not None
        channel = cast(aiormq.Channel, await self._channel.get_underlay_channel())
        await channel.basic_publish(
            message.body,
            exchange=exchange,
            routing_key=key,
            properties=message.properties,
            mandatory=mandatory,
            wait=False,
        )

    async def _prepared(self) -> RabbitBroker:
        if self._broker is not None and self._connected():
            return self._broker
        async with self._preparing:
            # One that is cut off is not waited for: a new one says at once whether the broker is there.
            if not self._connected():
                await self._discard(self._broker)
            if self._broker is None:
                await self._connect()
            assert self._broker is not None
            return self._broker

    async def _connect(self) -> None:
        self.door.check()
        broker = new_broker(self._url, f"{self._source} publisher", Channel(on_return_raises=True))
        try:
            connection = await broker.connect()
            if self._queues is not None:
                await topology.declare(broker, self._queues, reader=False)
            self._channel = await connection.channel(on_return_raises=True)
        except BaseException as error:
            await stop_quietly(broker)
            if isinstance(error, Exception):
                self.door.refused(error)
            raise
        self._connection, self._broker = connection, broker
        self.door.opened()

    def _connected(self) -> bool:
        return self._connection is not None and self._connection.connected.is_set()

    async def _discard(self, broker: RabbitBroker | None) -> None:
        if broker is not None and self._broker is broker:
            self._broker = None
            await stop_quietly(broker)
