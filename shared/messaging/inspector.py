"""Looks at queues over a broker's own connection: how many messages wait in them, and whether anybody consumes.

All looks go over one channel, which stays open until the connection ends: there are as many that look every few seconds
as there are nodes, and to open and close a channel is more work than to answer.
"""

import asyncio

import aiormq.abc
from faststream.rabbit import RabbitBroker

# A broker that declares ten thousand queues is slow to answer, and no dead one: by then the heartbeat has told.
LOOK_TIMEOUT = 20.0


class QueueInspector:
    """Whoever meets an error of it stops `broker`: the channel is closed by the connection's end alone."""

    def __init__(self, broker: RabbitBroker) -> None:
        self._broker = broker
        self._channel: aiormq.abc.AbstractChannel | None = None

    async def look(self, queue: str) -> tuple[int, int]:
        """How many messages are ready in a queue, and how many consumers it has. Raises what the client raises."""
        async with asyncio.timeout(LOOK_TIMEOUT):
            channel = await self._open()
            found = await channel.queue_declare(queue, passive=True)
        return found.message_count or 0, found.consumer_count or 0

    async def _open(self) -> aiormq.abc.AbstractChannel:
        # A cut that the client has bridged takes the channel with it.
        if self._channel is None or self._channel.is_closed:
            connection = await self._broker.connect()
            if connection.transport is None or not connection.connected.is_set():
                raise ConnectionError("the connection to the broker is cut")
            self._channel = await connection.transport.connection.channel(publisher_confirms=False)
        return self._channel
