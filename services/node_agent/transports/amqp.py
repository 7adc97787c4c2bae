"""The transport over RabbitMQ: the node's own queue, and the bus."""

from shared.clock import Clock
from shared.contracts import names
from shared.messaging import Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.randomness import Randomness


class AmqpTransport(RabbitBus):
    """Nothing is opened before the first message, or before it consumes."""

    def __init__(self, url: str, node_id: str, clock: Clock, randomness: Randomness) -> None:
        super().__init__(url, f"node_agent/{node_id}", [names.node_commands_queue(node_id)], clock, randomness)
        self._node = (url, clock, randomness)

    async def consume(self, route: Route) -> None:
        """Consume until cancelled."""
        url, clock, randomness = self._node
        await RabbitConsumer(url, [route], self, clock, randomness).run()
