"""What the bus in memory does of a broker's bad days, which the contract suite cannot ask of a real one quickly."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.clock import VirtualClock
from shared.contracts import names
from shared.contracts.leases import GrantLease
from shared.messaging import PublishFailed, Route
from shared.messaging.in_memory import InMemoryBus
from shared.randomness import SeededRandomness

QUEUE = names.node_commands_queue("n")


class Stand:
    """A bus, and consumers that write down what they got."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.bus = InMemoryBus(self.clock, SeededRandomness(1))
        self.bus.declare(QUEUE)

    def consumer(self, got: list[int], *, seconds: float = 0.0, queue: names.Queue = QUEUE) -> asyncio.Task[None]:
        """Consume; each message is in work for so many seconds."""

        async def on_grant(message: GrantLease) -> None:
            await self.clock.sleep(seconds)
            got.append(message.seq)

        return self.bus.attach([Route(queue, {GrantLease: on_grant})])[0]

    async def publish(self, *seqs: int) -> None:
        """Publish leases, each after the one before was taken."""
        for seq in seqs:
            await self.bus.publish(GrantLease(node_id="n", boot=1, seq=seq, seconds=30, ledger_id="0" * 32))
            await self.clock.run_for(0)


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """A bus with the queue of node `n`."""
    stand = Stand()
    yield stand
    await stand.bus.close()


async def test_what_a_consumer_had_not_settled_comes_back(stand: Stand) -> None:
    """A service that is killed in a virtual fleet would lose messages that no broker loses."""
    lost: list[int] = []
    got: list[int] = []
    killed = stand.consumer(lost, seconds=10)
    await stand.publish(1, 2, 3)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    assert stand.bus.waiting(QUEUE.name) == 3
    stand.consumer(got)
    await stand.clock.run_for(1)
    assert (lost, got) == ([], [1, 2, 3])


async def test_consumers_of_one_queue_take_turns(stand: Stand) -> None:
    """Two agents with one node id would not be seen to take each other's messages."""
    one: list[int] = []
    other: list[int] = []
    stand.consumer(one)
    stand.consumer(other)
    await stand.clock.run_for(0)
    await stand.publish(1, 2, 3, 4)
    assert (one, other) == ([1, 3], [2, 4])


async def test_nothing_comes_through_a_broker_that_is_away(stand: Stand) -> None:
    """A node that is cut off would go on hearing its registry."""
    got: list[int] = []
    stand.consumer(got)
    await stand.clock.run_for(0)
    stand.bus.connected = False
    with pytest.raises(PublishFailed):
        await stand.publish(1)
    stand.bus.connected = True
    await stand.publish(2)
    assert got == [2]


async def test_a_message_that_waited_too_long_is_gone(stand: Stand) -> None:
    """A registry that was away for long would take beats of the past for the present."""
    queue = names.Queue(QUEUE.name + ".short", QUEUE.bindings, {"x-message-ttl": 30_000})
    stand.bus.declare(queue)
    await stand.publish(1)
    await stand.clock.run_for(31)
    await stand.publish(2)
    got: list[int] = []
    stand.consumer(got, queue=queue)
    await stand.clock.run_for(0)
    assert got == [2]


async def test_a_full_queue_drops_its_oldest(stand: Stand) -> None:
    """A virtual node that was away for days would find more than a real one."""
    await stand.publish(*range(names.MOST_COMMANDS + 5))
    assert stand.bus.waiting(QUEUE.name) == names.MOST_COMMANDS
    got: list[int] = []
    stand.consumer(got)
    await stand.clock.run_for(0)
    await stand.clock.run_for(60)
    assert min(got) == 5
