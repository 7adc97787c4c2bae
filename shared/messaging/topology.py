"""The topology as FastStream objects, and as the `definitions.json` that a broker can import.

`shared.contracts.names` says what there is; this turns it into declarations. Everything is declared before
anyone publishes, because publishing to an exchange that is not there closes the channel.
"""

import json
from collections.abc import Iterable
from typing import Any, cast

import aio_pika
from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.schemas.queue import QueueType

from shared.contracts import names

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
        names.dead_letters_queue(),
    )


def as_rabbit_queue(queue: names.Queue) -> RabbitQueue:
    """The queue as FastStream declares it. The type travels in the arguments, where RabbitMQ reads it."""
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
        ),
    )


async def declare(broker: RabbitBroker, queues: Iterable[names.Queue]) -> dict[str, aio_pika.RobustQueue]:
    """Declare all exchanges, then the queues with their bindings, robustly: a reconnect declares them again."""
    exchanges = {name: await broker.declare_exchange(exchange) for name, exchange in EXCHANGES.items()}
    declared: dict[str, aio_pika.RobustQueue] = {}
    for queue in queues:
        declared[queue.name] = await broker.declare_queue(as_rabbit_queue(queue))
        for binding in queue.bindings:
            await declared[queue.name].bind(exchanges[binding.exchange], binding.key)
    return declared


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
