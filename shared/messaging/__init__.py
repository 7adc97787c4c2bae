"""Messages between services: the Bus port, its RabbitMQ and in-memory forms, and what becomes of a message."""

from shared.messaging.bus import Bus, Consumer, Handler, PublishFailed, Rejected, Route, Unroutable
from shared.messaging.handling import Unavailable

__all__ = ["Bus", "Consumer", "Handler", "PublishFailed", "Rejected", "Route", "Unavailable", "Unroutable"]
