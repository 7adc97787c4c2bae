"""Orders that came as parcels, brought to their use cases like those that came from RabbitMQ.

What cannot be handled is logged: a dead letter needs the bus, and this node has none.
"""

import asyncio
import json
from collections.abc import Iterable

import structlog

from shared.clock import Clock
from shared.contracts import names
from shared.contracts.parcels import Parcel
from shared.messaging import Route
from shared.messaging.handling import Handling, Received
from shared.randomness import Randomness

log = structlog.get_logger(__name__)


class ParcelOrders:
    """The orders of one node, for the handlers of its route."""

    def __init__(self, route: Route, node_id: str, clock: Clock, randomness: Randomness) -> None:
        self._handling = Handling(route, _drop, clock, randomness)
        self._queue = route.queue.name
        self._key = names.command_key(node_id)

    async def handle(self, parcels: Iterable[Parcel]) -> None:
        """Handle them side by side, to their ends."""
        async with asyncio.TaskGroup() as group:
            for parcel in parcels:
                group.create_task(self._handling.handle(self._received(parcel)))

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
