"""A queue that is on the broker already, and has other arguments than the ones it shall have now.

| the queue      | who declares it                     | what becomes of it                                          |
| -------------- | ----------------------------------- | ----------------------------------------------------------- |
| is disposable  | its reader, and nobody reads it now | deleted and declared anew                                   |
| is disposable  | anyone, and somebody reads it       | used as it is, with a warning that says how to renew it     |
| is disposable  | who does not read it                | used as it is                                               |
| is to be kept  | anyone                              | `QueueMismatch`, which says what differs and what to do     |

A queue that somebody reads is never deleted. Replicas with different settings, as there are during an update, would
take it away from each other in turns; and RabbitMQ does not tell the readers of a quorum queue that is deleted and
declared again at once, so they would wait for ever. What is in a disposable queue is worthless in moments anyway.
"""

import structlog
from aio_pika.abc import AbstractRobustConnection
from aiormq.exceptions import ChannelPreconditionFailed

from shared.contracts import names

log = structlog.get_logger(__name__)


class QueueMismatch(Exception):
    """A queue cannot be declared, because it is there with other arguments."""

    def __init__(self, queue: names.Queue, error: ChannelPreconditionFailed) -> None:
        super().__init__(
            f"queue {queue.name} is on the broker with other arguments than this version declares ({error}). Stop what "
            f"reads it, delete it with `rabbitmqctl delete_queue {queue.name}` or in the management console, and start "
            "again: it is declared anew. What was in it is sent again, except dead letters: deal with those before"
        )


async def may_be_declared(connection: AbstractRobustConnection, queue: names.Queue, *, reader: bool) -> bool:
    """Whether a disposable queue can be declared with its arguments, after deleting it if need be; else it is used."""
    difference = await _difference(connection, queue)
    if difference is None:
        return True
    async with connection.channel() as channel:
        found = await channel.declare_queue(queue.name, passive=True)
        readers = found.declaration_result.consumer_count or 0
        if reader and readers == 0:
            await channel.queue_delete(queue.name)
            log.info("queue_renewed", queue=queue.name, difference=difference)
            return True
    if reader:
        log.warning(
            "queue_used_as_it_is",
            queue=queue.name,
            difference=difference,
            readers=readers,
            advice="nothing is lost by it; to renew the queue, give every replica the same settings, stop all that "
            "read it, and start them again",
        )
    return False


async def _difference(connection: AbstractRobustConnection, queue: names.Queue) -> str | None:
    """How the queue that is there differs, in the broker's words; it is declared if it is not there."""
    # A channel of its own: a refused declaration closes the channel that asks.
    async with connection.channel() as channel:
        try:
            await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments), robust=False)
        except ChannelPreconditionFailed as error:
            return str(error)
    return None
