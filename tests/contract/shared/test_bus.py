"""What every bus must do: one suite, run against RabbitMQ and against the one in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import aio_pika
import pytest
from structlog.testing import capture_logs

from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.contract import Contract
from shared.contracts.fleet import AccountsCounted
from shared.contracts.leases import GrantLease, RefuseLease
from shared.messaging import Bus, Rejected, Route, Unavailable, Unroutable
from shared.messaging.in_memory import InMemoryBus
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.randomness import SystemRandomness
from tests.support.waiting import until

NODE = "n1"
QUEUE = names.node_commands_queue(NODE)
Attach = Callable[[Sequence[Route]], Awaitable[None]]


def grant(seq: int, node_id: str = NODE) -> GrantLease:
    """A lease as the registry grants it."""
    return GrantLease(node_id=node_id, boot=1, seq=seq, seconds=30, ledger_id="0" * 32)


class Side:
    """A bus under test: `attach` starts consuming, `dead` reads the reasons of the dead letters."""

    def __init__(self, bus: Bus, attach: Attach, dead: Callable[[], Coroutine[Any, Any, list[str]]]) -> None:
        self.bus = bus
        self.attach = attach
        self.dead = dead


@pytest.fixture(params=["memory_side", "rabbit_side"])
def side(request: pytest.FixtureRequest) -> Side:
    """Each bus in turn."""
    found: Side = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def memory_side() -> AsyncIterator[Side]:
    """The bus in memory."""
    memory = InMemoryBus(SystemClock(), SystemRandomness())

    async def attach_memory(routes: Sequence[Route]) -> None:
        memory.attach(routes)

    async def dead_memory() -> list[str]:
        return [letter.reason for letter in memory.dead]

    yield Side(memory, attach_memory, dead_memory)
    await memory.close()


@pytest.fixture
async def rabbit_side(amqp_url: str) -> AsyncIterator[Side]:
    """RabbitMQ, in a fresh vhost."""
    url = amqp_url
    rabbit = RabbitBus(url, "test", [QUEUE, names.dead_letters_queue()], SystemClock(), SystemRandomness())
    tasks: list[asyncio.Task[None]] = []

    async def attach_rabbit(routes: Sequence[Route]) -> None:
        consumer = RabbitConsumer(url, routes, rabbit, SystemClock(), SystemRandomness())
        tasks.append(asyncio.create_task(consumer.run()))
        await until(lambda: consumer.consuming, "the consumer runs")

    async def dead_rabbit() -> list[str]:
        return await rabbit_dead_letters(url)

    yield Side(rabbit, attach_rabbit, dead_rabbit)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await rabbit.close()


async def rabbit_dead_letters(url: str) -> list[str]:
    """The reasons of the dead letters, which are taken out of their queue."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(names.DEAD_LETTERS_QUEUE)
        reasons = []
        while (message := await queue.get(fail=False)) is not None:
            reasons.append(str(message.headers["callboard-reason"]))
        return reasons


async def test_a_published_message_reaches_its_handler_once(side: Side) -> None:
    """The first thing a bus is for."""
    got: list[Contract] = []

    async def on_grant(message: GrantLease) -> None:
        got.append(message)

    await side.attach([Route(QUEUE, {GrantLease: on_grant})])
    for seq in range(20):
        await side.bus.publish(grant(seq))
    await until(lambda: len(got) >= 20, "all messages arrive")
    assert sorted(message.seq for message in got if isinstance(message, GrantLease)) == list(range(20))


async def test_an_order_that_no_queue_takes_is_unroutable(side: Side) -> None:
    """An order to a node that was never there would otherwise be lost in silence."""

    async def on_grant(message: GrantLease) -> None:
        raise AssertionError("not for this node")

    await side.attach([Route(QUEUE, {GrantLease: on_grant})])
    with pytest.raises(Unroutable):
        await side.bus.publish(grant(1, node_id="nobody"))


async def test_an_announcement_that_nobody_takes_is_no_error(side: Side) -> None:
    """The registry would fail whenever no page is open."""

    async def on_grant(message: GrantLease) -> None:
        raise AssertionError("not for this queue")

    await side.attach([Route(QUEUE, {GrantLease: on_grant})])
    await side.bus.publish(AccountsCounted(node_id=NODE, accounts=[], at=datetime.now(UTC)))


async def test_what_is_unavailable_is_tried_again_until_it_is_back(side: Side) -> None:
    """A database that restarts must not cost a message."""
    calls = 0
    done = asyncio.Event()

    async def on_grant(message: GrantLease) -> None:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise Unavailable("the database is away")
        done.set()

    await side.attach([Route(QUEUE, {GrantLease: on_grant})])
    await side.bus.publish(grant(1))
    await asyncio.wait_for(done.wait(), 10)
    assert calls == 3
    assert await side.dead() == []


async def test_a_rejected_message_becomes_a_dead_letter_with_its_reason(side: Side) -> None:
    """An operator must be able to see what was refused and why."""

    async def on_grant(message: GrantLease) -> None:
        raise Rejected("this lease is for another boot")

    def told() -> list[str]:
        return [line["reason"] for line in logs if line["event"] == "message_dead_lettered"]

    with capture_logs() as logs:
        await side.attach([Route(QUEUE, {GrantLease: on_grant})])
        await side.bus.publish(grant(1))
        assert await until(side.dead, "a dead letter") == ["this lease is for another boot"]
        assert await until(told, "a line in the log") == ["this lease is for another boot"]


async def test_a_type_that_the_queue_does_not_take_becomes_a_dead_letter(side: Side) -> None:
    """A message for which there is no handler must not vanish."""

    async def on_refusal(message: RefuseLease) -> None:
        raise AssertionError("nothing of this type was sent")

    await side.attach([Route(QUEUE, {RefuseLease: on_refusal})])
    await side.bus.publish(grant(1))
    assert "send one of node.refuse-lease.v1" in (await until(side.dead, "a dead letter"))[0]


async def test_a_handler_that_fails_on_one_message_goes_on_with_the_next(side: Side) -> None:
    """A bug met by one message would otherwise stop the queue."""
    got: list[int] = []

    async def on_grant(message: GrantLease) -> None:
        if message.seq == 1:
            raise ZeroDivisionError("a bug")
        got.append(message.seq)

    await side.attach([Route(QUEUE, {GrantLease: on_grant})])
    await side.bus.publish(grant(1))
    await side.bus.publish(grant(2))
    await until(lambda: got == [2], "the next message is handled")
    assert "ZeroDivisionError" in (await until(side.dead, "a dead letter"))[0]
