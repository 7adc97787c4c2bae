"""What a queue on a real broker holds, asked by a stranger."""

from typing import NamedTuple

import aio_pika
from aiormq.exceptions import ChannelNotFoundEntity


class Seen(NamedTuple):
    """A queue's ready messages and its consumers; a queue that is not there has none."""

    ready: int
    consumers: int


async def look_at(amqp_url: str, queue: str) -> Seen:
    """The queue as it is now."""
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        try:
            found = await channel.declare_queue(queue, passive=True)
        except ChannelNotFoundEntity:
            return Seen(0, 0)
    result = found.declaration_result
    return Seen(result.message_count or 0, result.consumer_count or 0)
