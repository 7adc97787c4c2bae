"""The mailbox in memory: looks into the queues of an `InMemoryBus`, for tests in virtual time."""

import asyncio

from shared.clock import Clock
from shared.contracts import names
from shared.contracts.parcels import Parcel
from shared.messaging.decoding import Unreadable
from shared.messaging.handling import Unavailable
from shared.messaging.in_memory import InMemoryBus
from shared.messaging.mailbox import order_in
from shared.randomness import Randomness


class InMemoryMailbox:
    """See the port."""

    def __init__(self, bus: InMemoryBus, clock: Clock, randomness: Randomness) -> None:
        self._bus = bus
        self._clock = clock
        self._randomness = randomness

    async def take(self, node_id: str, most: int, wait_seconds: float) -> list[Parcel]:
        """At most `most` orders of the node; see the port. Raises Unavailable."""
        queue = names.node_commands_queue(node_id)
        self._bus.declare(queue)
        deadline = self._clock.monotonic() + wait_seconds
        while True:
            if not self._bus.connected:
                raise Unavailable("the in-memory bus is disconnected")
            orders = await self._taken(queue.name, most)
            left = deadline - self._clock.monotonic()
            if orders or left <= 0:
                return orders
            await self._arrival(queue.name, left)

    async def _taken(self, queue: str, most: int) -> list[Parcel]:
        orders: list[Parcel] = []
        while len(orders) < most and (received := self._bus.pull(queue)) is not None:
            order = order_in(received, self._randomness)
            if isinstance(order, Unreadable):
                await self._bus.bury(received, order.reason)
            else:
                orders.append(order)
        return orders

    async def _arrival(self, queue: str, seconds: float) -> None:
        came = asyncio.create_task(self._bus.arrival(queue))
        late = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait({came, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            came.cancel()
            late.cancel()
