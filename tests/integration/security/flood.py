"""What a thief's program may do: `python -m tests.integration.security.flood URL KEY` publishes as fast as it can.

Every second body is a heartbeat that looks like any other, the others are nothing at all. Prints how many it has sent
when the broker ends its connection.
"""

import asyncio
import sys

import aiormq
from aiormq.exceptions import AMQPError

from shared.contracts import envelope, names
from tests.integration.security.conftest import MINE
from tests.unit.registry.builders import account, beat

AT_ONCE = 200


async def flood(url: str, key: str) -> int:
    """Publish until it is not allowed any more; how many were sent."""
    connection = await aiormq.connect(url)
    channel = await connection.channel(publisher_confirms=False)
    good = beat(1, account("anna"), node_id=MINE)
    bodies = (good.model_dump_json().encode(), b"nothing at all")
    properties = aiormq.spec.Basic.Properties(headers={envelope.TYPE: good.TYPE}, delivery_mode=2)
    sent = 0
    try:
        while not connection.is_closed:
            for _ in range(AT_ONCE):
                body = bodies[sent % len(bodies)]
                await channel.basic_publish(body, exchange=names.EVENTS, routing_key=key, properties=properties)
                sent += 1
            await asyncio.sleep(0)
    except (AMQPError, OSError, RuntimeError, asyncio.CancelledError):
        # However aiormq says that the connection has ended.
        pass
    return sent


if __name__ == "__main__":
    print(asyncio.run(flood(sys.argv[1], sys.argv[2])))
