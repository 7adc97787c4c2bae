"""Orders that came as parcels, brought to their use cases like those that came from RabbitMQ.

They are handled side by side, as many at once as over RabbitMQ: one that waits for the ledger must not hold up the
lease that comes after it. What cannot be handled is logged: a dead letter needs the bus, and this node has none.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

import structlog

from shared.clock import Clock
from shared.contracts import names
from shared.contracts.parcels import Parcel
from shared.messaging import Route
from shared.messaging.handling import Handling, Received
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

MOST_IN_WORK = 20

Settle = Callable[[], Awaitable[None]]


async def _settled_before() -> None:
    """It was settled at hand-over."""


class ParcelOrders:
    """The orders of one node, for the handlers of its route."""

    def __init__(self, route: Route, node_id: str, clock: Clock, randomness: Randomness) -> None:
        self._handling = Handling(route, _drop, clock, randomness)
        self._places = asyncio.Semaphore(MOST_IN_WORK)
        self._queue = route.queue.name
        self._key = names.command_key(node_id)

    async def begin(self, parcel: Parcel, in_work: asyncio.TaskGroup, settle: Settle = _settled_before) -> None:
        """Handle it in a task of the group, and then settle it; returns when there was a place for it."""
        await self._places.acquire()
        in_work.create_task(self._handle(parcel, settle), name=f"order {parcel.type}")

    async def _handle(self, parcel: Parcel, settle: Settle) -> None:
        try:
            await self._handling.handle(self._received(parcel))
            await settle()
        finally:
            self._places.release()

    def _received(self, parcel: Parcel) -> Received:
        return Received(
            queue=self._queue,
            body=json.dumps(parcel.body).encode(),
            type_name=parcel.type,
            exchange=names.COMMANDS,
            routing_key=self._key,
            message_id=parcel.id,
        )


async def _drop(received: Received, reason: str) -> None:
    log.error("order_dropped", type=received.type_name, id=received.message_id, reason=reason)
