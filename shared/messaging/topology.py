"""The topology as FastStream objects, and as the `definitions.json` that a broker can import.

`shared.contracts.names` says what there is; this turns it into declarations. Everything is declared before
anyone publishes, because publishing to an exchange that is not there closes the channel.
"""

import json
from collections.abc import Iterable
from typing import Any, cast

from aiormq.exceptions import ChannelPreconditionFailed
from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.schemas.queue import QueueType

from shared.contracts import names
from shared.messaging.standing import QueueMismatch, may_be_declared

EXCHANGES = {
    exchange.name: RabbitExchange(exchange.name, type=ExchangeType(exchange.kind), durable=True)
    for exchange in names.EXCHANGES
}


def static_queues(lease_seconds: float) -> tuple[names.Queue, ...]:
    """The queues that exist whatever nodes there are."""
    return (
        names.heartbeats_queue(lease_seconds),
        names.registry_reports_queue(),
        names.deployer_reports_queue(),
        names.deployer_sessions_queue(),
        names.dead_letters_queue(),
    )


def as_rabbit_queue(queue: names.Queue, *, declare: bool = True, robust: bool = True) -> RabbitQueue:
    """The queue as FastStream declares it. The type travels in the arguments, where RabbitMQ reads it.

    Without `declare` it is used as it is; without `robust` a reconnect leaves it alone.
    """
    make: Any = RabbitQueue  # its overloads know one literal queue type each; ours comes from the table of names
    return cast(
        RabbitQueue,
        make(
            queue.name,
            queue_type=QueueType(queue.arguments.get("x-queue-type", "classic")),
            durable=not queue.exclusive,
            exclusive=queue.exclusive,
            auto_delete=queue.exclusive,
            arguments=dict(queue.arguments),
            declare=declare,
            robust=robust,
        ),
    )


async def declare(broker: RabbitBroker, queues: Iterable[names.Queue], *, reader: bool) -> dict[str, RabbitQueue]:
    """Declare all exchanges, then the queues with their bindings, robustly: a reconnect declares them again.

    `reader` says that the caller consumes the queues. Gives them as they are to be subscribed to, by name. Raises
    QueueMismatch.
    """
    exchanges = {name: await broker.declare_exchange(exchange) for name, exchange in EXCHANGES.items()}
    declared: dict[str, RabbitQueue] = {}
    for queue in queues:
        declared[queue.name] = await _as_it_can_be(broker, queue, reader)
        try:
            found = await broker.declare_queue(declared[queue.name])
        except ChannelPreconditionFailed as error:
            raise QueueMismatch(queue, error) from error
        for binding in queue.bindings:
            await found.bind(exchanges[binding.exchange], binding.key)
    return declared


def given(queues: Iterable[names.Queue]) -> dict[str, RabbitQueue]:
    """The queues as somebody else declares them, by name: used as they are, and waited for where they are not yet."""
    return {queue.name: as_rabbit_queue(queue, declare=False) for queue in queues}


async def _as_it_can_be(broker: RabbitBroker, queue: names.Queue, reader: bool) -> RabbitQueue:
    if not queue.disposable:
        return as_rabbit_queue(queue)
    wanted = await may_be_declared(await broker.connect(), queue, reader=reader)
    # Whoever does not read it leaves it to its reader: after a reconnect it may have been renewed.
    return as_rabbit_queue(queue, declare=wanted, robust=reader)


def definitions(lease_seconds: float, vhost: str = "/") -> str:
    """The static topology in the format of RabbitMQ's `definitions.json`."""
    queues = static_queues(lease_seconds)
    document = {
        "vhosts": [{"name": vhost}],
        "exchanges": [
            {
                "name": exchange.name,
                "vhost": vhost,
                "type": exchange.kind,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
            for exchange in names.EXCHANGES
        ],
        "queues": [
            {
                "name": queue.name,
                "vhost": vhost,
                "durable": True,
                "auto_delete": False,
                "arguments": queue.arguments,
            }
            for queue in queues
        ],
        "bindings": [
            {
                "source": binding.exchange,
                "vhost": vhost,
                "destination": queue.name,
                "destination_type": "queue",
                "routing_key": binding.key,
                "arguments": {},
            }
            for queue in queues
            for binding in queue.bindings
        ],
    }
    return json.dumps(document, indent=2) + "\n"
