"""The Mailbox port: take a node's orders out of its queue on its behalf, for a way to the node that is not AMQP.

`RabbitMailbox` and `InMemoryMailbox` implement it under one contract suite. What is taken is settled at hand-over, so
it is delivered at most once. That is right here: the deployer's timers send an unanswered order again, and every beat
brings a new lease. Taking declares the node's queue, so a node that never had an AMQP connection can be sent orders
after its first look. An order that cannot be read is made a dead letter, like on the bus, and left out.
"""

import json
from typing import Protocol

from shared.contracts import names
from shared.contracts.contract import Contract
from shared.contracts.parcels import ORDERS, REPORTS, Parcel, parcel_id
from shared.messaging.decoding import Unreadable, decode
from shared.messaging.handling import Received
from shared.randomness import Randomness

# Orders of at most 64 KiB each: an answer of a few megabytes.
MOST_AT_ONCE = 100


class Mailbox(Protocol):
    """Where the orders of all nodes wait."""

    async def take(self, node_id: str, most: int, wait_seconds: float) -> list[Parcel]:
        """At most `most` (1 to `MOST_AT_ONCE`) orders of the node, oldest first.

        Without any it waits for the first one, at most `wait_seconds`; zero does not wait. Cancelled, it takes
        nothing. Raises Unavailable when the broker is away.
        """
        ...


def order_in(received: Received, randomness: Randomness) -> Parcel | Unreadable:
    """The order in a message as a parcel, every field of its body kept; one that has no id gets a new one."""
    message = decode(received.body, type_name=received.type_name, routing_key=received.routing_key, accepted=ORDERS)
    if isinstance(message, Unreadable):
        return message
    message_id = received.message_id or randomness.new_id()
    return Parcel(type=message.TYPE, id=parcel_id(message_id), body=json.loads(received.body))


def report_in(parcel: Parcel, node_id: str) -> Contract | Unreadable:
    """The report in a parcel that came from the node `node_id`: its own and of a known type, or why not."""
    try:
        body = json.dumps(parcel.body, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        return Unreadable(f"the body is no JSON that can be passed on: {error}")
    return decode(body, type_name=parcel.type, routing_key=names.command_key(node_id), accepted=REPORTS)
