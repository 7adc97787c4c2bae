"""The transport over RabbitMQ: the node's own queue, and the bus, with the node's own login.

That login may publish the node's reports and read its queue, and nothing else: exchanges and the queue are declared by
the back office, and an order that cannot be handled is logged here instead of becoming a dead letter.
"""

from pathlib import Path

import structlog
from aiormq.exceptions import AuthenticationError, ProbableAuthenticationError
from yarl import URL

from shared.clock import Clock
from shared.contracts.contract import Contract
from shared.contracts.enrolments import BrokerLogin
from shared.messaging import PublishFailed, Route
from shared.messaging.handling import Received
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

NOT_LET_IN = (
    "the broker does not let this node in: was it revoked? `callboard-agent join` with a new token lets it in again. A "
    "broker that has lost its disk lets nodes in as soon as the registry has made their logins again"
)


class AmqpTransport(RabbitBus):
    """Nothing is opened before the first message, or before it consumes."""

    def __init__(self, url: str, node_id: str, clock: Clock, randomness: Randomness) -> None:
        super().__init__(url, f"node_agent/{node_id}", None, clock, randomness)
        self._node = (url, clock, randomness)

    async def consume(self, route: Route) -> None:
        """Consume until cancelled."""
        url, clock, randomness = self._node
        await RabbitConsumer(url, [route], self, clock, randomness).run()

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Publish. Raises PublishFailed, with what to do when the broker does not let this node in."""
        try:
            await super().publish(message, message_id=message_id)
        except PublishFailed as error:
            if isinstance(error.__cause__, ProbableAuthenticationError | AuthenticationError):
                raise PublishFailed(NOT_LET_IN) from error
            raise

    async def bury(self, received: Received, reason: str) -> None:
        """Log it: this login may not put anything among the dead letters."""
        log.error("order_dropped", type=received.type_name, id=received.message_id, reason=reason)


def address_of(login: BrokerLogin, ca: Path | None) -> str:
    """The broker's address with the node's login in it, and whom to trust there."""
    address = URL(login.url).with_user(login.username).with_password(login.password)
    return str(address if ca is None else address.update_query(cafile=str(ca)))
