"""A node whose queue is not at the broker, as after a broker has lost its disk; its login is there."""

import asyncio
from datetime import UTC, datetime

from services.node_agent.transports.amqp import AmqpTransport
from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.leases import GrantLease
from shared.messaging import Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.topology import static_queues
from shared.randomness import SystemRandomness
from tests.support.queues import look_at
from tests.support.waiting import until

CLOCK, RANDOMNESS = SystemClock(), SystemRandomness()
NODE = "node-a"


def beat(seq: int) -> HeartbeatReported:
    """A quiet node's beat."""
    nothing = "0" * 32
    return HeartbeatReported(
        node_id=NODE, boot=1, seq=seq, ledger_id=nothing, full=True, digest=nothing, account_count=0,
        sent_at=datetime.now(UTC),
    )  # fmt: skip


async def test_its_beats_go_out_and_it_listens_as_soon_as_the_queue_is_there(amqp_url: str) -> None:
    """The queue is made by whoever misses it when he answers a beat: a node that waited for it would wait for ever."""
    office = RabbitBus(amqp_url, "registry", static_queues(30.0), CLOCK, RANDOMNESS)
    await office.publish(beat(0))
    got: list[int] = []

    async def granted(lease: GrantLease) -> None:
        got.append(lease.seq)

    transport = AmqpTransport(amqp_url, NODE, CLOCK, RANDOMNESS)
    listening = asyncio.create_task(transport.consume(Route(names.node_commands_queue(NODE), {GrantLease: granted})))
    try:
        for seq in range(1, 8):
            await asyncio.sleep(0.7)
            await transport.publish(beat(seq))
        await until(lambda: _waiting(amqp_url, 8), "every beat is there")
        maker = RabbitBus(amqp_url, "registry", [names.node_commands_queue(NODE)], CLOCK, RANDOMNESS)
        await maker.publish(beat(8))
        await maker.publish(GrantLease(node_id=NODE, boot=1, seq=5, seconds=30.0, ledger_id="0" * 32))
        await until(lambda: got == [5], "the order is taken", 10)
        await maker.close()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await transport.close()
        await office.close()


async def _waiting(amqp_url: str, beats: int) -> bool:
    return (await look_at(amqp_url, names.HEARTBEATS_QUEUE)).ready == beats
