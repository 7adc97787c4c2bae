"""The Bus port: publish a contract, and be called for the contracts of a queue.

`RabbitBus` and `InMemoryBus` implement it under one contract suite. Publishing returns when the message is
safe with the broker (confirmed and routed) and raises `PublishFailed` otherwise; it never returns for a
message that went nowhere. Handlers are plain coroutines of one contract each, so they know no broker.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from shared.contracts.contract import Contract
from shared.contracts.names import Queue

Handler = Callable[[Any], Awaitable[None]]


def _everything(routing_key: str) -> bool:
    return True


class PublishFailed(Exception):
    """The message is not safe with the broker: not connected, not confirmed in time, or refused."""


class Unroutable(PublishFailed):
    """No queue takes this routing key: the node it is for has never been there, or its queue was erased."""


class Rejected(Exception):
    """A handler's verdict that a message can never be handled; it is dead-lettered with this reason."""


class Bus(Protocol):
    """The way out."""

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Publish to the message's own exchange and routing key (see the catalogue).

        The same `message_id` may be published again. Raises PublishFailed; Unroutable only for orders and
        nodes' reports, because an announcement that nobody listens to is no error.
        """
        ...


@dataclass(frozen=True)
class Route:
    """The way in: a queue, and the handler for each contract that may come through it.

    `prefetch` is the number of messages in work at once. `admits` says of a routing key whether its message is taken
    in at all; one that is not is settled unread.
    """

    queue: Queue
    handlers: Mapping[type[Contract], Handler]
    prefetch: int = 100
    admits: Callable[[str], bool] = _everything


class Consumer(Protocol):
    """Whoever consumes the routes of one service: `RabbitConsumer`, and its twins in tests."""

    @property
    def consuming(self) -> bool:
        """Whether every queue has its consumer."""
        ...

    def backlog(self, queue: str) -> int:
        """How many messages are ready in the queue, as far as is known."""
        ...

    async def run(self) -> None:
        """Consume until cancelled, through every loss of the broker."""
        ...
