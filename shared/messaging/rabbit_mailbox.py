"""The mailbox on RabbitMQ: one connection for all nodes, and a channel for each look into a queue.

A look that waits is a consumer on its own channel, whose prefetch is what it may take: whatever the broker pushed and
the look does not take goes back when the channel closes. The connection is made when it is needed and thrown away
after a failure, because a broker that came back may have nothing of what was declared.
"""

import asyncio

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue

from shared.cancellation import cancelled_by_caller
from shared.contracts import envelope, names
from shared.contracts.parcels import Parcel
from shared.messaging.connection import CONNECT_TIMEOUT, STOP_TIMEOUT, named_url
from shared.messaging.decoding import Unreadable
from shared.messaging.handling import Received, Unavailable
from shared.messaging.mailbox import order_in
from shared.messaging.rabbit_bus import RabbitBus
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

# A look that does not wait is a handful of round trips.
LOOK_TIMEOUT = 10.0


class RabbitMailbox:
    """See the module's docstring. `bus` takes the dead letters."""

    def __init__(self, url: str, bus: RabbitBus, randomness: Randomness) -> None:
        self._url = named_url(url, f"{bus.source} mailbox")
        self._bus = bus
        self._randomness = randomness
        self._connection: AbstractConnection | None = None
        self._connecting = asyncio.Lock()

    async def take(self, node_id: str, most: int, wait_seconds: float) -> list[Parcel]:
        """At most `most` orders of the node; see the port. Raises Unavailable."""
        connection: AbstractConnection | None = None
        try:
            async with asyncio.timeout(LOOK_TIMEOUT + wait_seconds):
                connection = await self._connected()
                async with connection.channel() as channel:
                    return await self._look(channel, node_id, most, wait_seconds)
        except asyncio.CancelledError:
            if cancelled_by_caller():
                raise
            await self._discard(connection)
            raise Unavailable("the connection to the broker died") from None
        except Exception as error:
            await self._discard(connection)
            raise Unavailable(f"the broker does not answer: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close the connection; who waits is told that the broker is away."""
        await self._discard(self._connection)

    async def _look(self, channel: AbstractChannel, node_id: str, most: int, wait_seconds: float) -> list[Parcel]:
        queue = await _declared(channel, names.node_commands_queue(node_id))
        found: list[AbstractIncomingMessage] = []
        while len(found) < most and (message := await queue.get(fail=False)) is not None:
            found.append(message)
        if not found and wait_seconds > 0:
            found = await _first(channel, queue, most, wait_seconds)
        orders = [await self._read(queue.name, message) for message in found]
        if found:
            await found[-1].ack(multiple=True)
        return [order for order in orders if order is not None]

    async def _read(self, queue: str, message: AbstractIncomingMessage) -> Parcel | None:
        named = message.headers.get(envelope.TYPE) or message.type
        received = Received(
            queue=queue,
            body=message.body,
            type_name=str(named) if named else None,
            exchange=message.exchange or "",
            routing_key=message.routing_key or "",
            message_id=message.message_id,
        )
        order = order_in(received, self._randomness)
        if isinstance(order, Unreadable):
            await self._bus.bury(received, order.reason)
            return None
        return order

    async def _connected(self) -> AbstractConnection:
        async with self._connecting:
            if self._connection is None or self._connection.is_closed:
                self._connection = await aio_pika.connect(self._url, timeout=CONNECT_TIMEOUT)
            return self._connection

    async def _discard(self, connection: AbstractConnection | None) -> None:
        if connection is None or self._connection is not connection:
            return
        self._connection = None
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await connection.close()
        except Exception as error:
            log.info("mailbox_closed_uncleanly", reason=f"{type(error).__name__}: {error}")


async def _declared(channel: AbstractChannel, declared: names.Queue) -> AbstractQueue:
    queue = await channel.declare_queue(declared.name, durable=True, arguments=dict(declared.arguments))
    for binding in declared.bindings:
        await channel.declare_exchange(binding.exchange, "direct", durable=True)
        await queue.bind(binding.exchange, binding.key)
    return queue


async def _first(
    channel: AbstractChannel, queue: AbstractQueue, most: int, wait_seconds: float
) -> list[AbstractIncomingMessage]:
    """Wait for the first message; all that the broker pushed until the consumer was gone again."""
    found: list[AbstractIncomingMessage] = []
    woken = asyncio.Event()

    async def pushed(message: AbstractIncomingMessage) -> None:
        found.append(message)
        woken.set()

    def closed(*_: object) -> None:
        woken.set()

    channel.close_callbacks.add(closed)
    await channel.set_qos(prefetch_count=most)
    tag = await queue.consume(pushed)
    try:
        async with asyncio.timeout(wait_seconds):
            await woken.wait()
    except TimeoutError:
        pass  # nothing came, or something just now: what was pushed until the consumer is gone is taken
    await queue.cancel(tag)
    return found
