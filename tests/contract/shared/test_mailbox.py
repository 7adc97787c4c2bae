"""What every mailbox must do: one suite, run against RabbitMQ and against the one in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aio_pika
import pytest

from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.accounts import AccountChanged
from shared.contracts.leases import GrantLease
from shared.contracts.parcels import ORDERS, REPORTS, Parcel
from shared.messaging import Bus, Unavailable, Unroutable
from shared.messaging.handling import Received
from shared.messaging.in_memory import InMemoryBus
from shared.messaging.in_memory_mailbox import InMemoryMailbox
from shared.messaging.mailbox import Mailbox
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_mailbox import RabbitMailbox
from shared.randomness import SystemRandomness
from tests.contract.shared.test_bus import grant, rabbit_dead_letters
from tests.support import vhosts
from tests.support.servers import Broker
from tests.support.waiting import until

NODE = "n1"
OTHER = "n2"


@dataclass
class Side:
    """A mailbox under test; `throw_in` puts any body into the node's queue, `dead` reads the dead letters' reasons."""

    mailbox: Mailbox
    bus: Bus
    throw_in: Callable[[bytes], Awaitable[None]]
    dead: Callable[[], Coroutine[Any, Any, list[str]]]


@pytest.fixture(params=["memory_side", "rabbit_side"])
def side(request: pytest.FixtureRequest) -> Side:
    """Each mailbox in turn."""
    found: Side = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def memory_side() -> AsyncIterator[Side]:
    """The mailbox in memory."""
    clock, randomness = SystemClock(), SystemRandomness()
    bus = InMemoryBus(clock, randomness)

    async def throw_in(body: bytes) -> None:
        key = names.command_key(NODE)
        bus.put(Received(names.node_commands_queue(NODE).name, body, None, names.COMMANDS, key))

    async def dead() -> list[str]:
        return [letter.reason for letter in bus.dead]

    yield Side(InMemoryMailbox(bus, clock, randomness), bus, throw_in, dead)
    await bus.close()


@pytest.fixture
async def rabbit_side(amqp_url: str) -> AsyncIterator[Side]:
    """RabbitMQ, in a fresh vhost."""
    bus = RabbitBus(amqp_url, "test", [names.dead_letters_queue()], SystemClock(), SystemRandomness())
    mailbox = RabbitMailbox(amqp_url, bus, SystemRandomness())

    async def throw_in(body: bytes) -> None:
        async with await aio_pika.connect(amqp_url) as connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(names.COMMANDS)
            await exchange.publish(aio_pika.Message(body), routing_key=names.command_key(NODE))

    async def dead() -> list[str]:
        return await rabbit_dead_letters(amqp_url)

    yield Side(mailbox, bus, throw_in, dead)
    await mailbox.close()
    await bus.close()


def numbers(parcels: list[Parcel]) -> list[int]:
    """The numbers of the leases in the parcels."""
    return [GrantLease.model_validate(parcel.body).seq for parcel in parcels]


async def test_orders_are_taken_in_order_and_only_once(side: Side) -> None:
    """A worker would get its orders mixed, or for ever the same."""
    assert await side.mailbox.take(NODE, 10, 0) == []
    for seq in range(5):
        await side.bus.publish(grant(seq), message_id=f"order-{seq}")
    first = await side.mailbox.take(NODE, 2, 0)
    assert [(parcel.type, parcel.id) for parcel in first] == [
        (GrantLease.TYPE, "order-0"),
        (GrantLease.TYPE, "order-1"),
    ]
    assert numbers(first) + numbers(await side.mailbox.take(NODE, 10, 0)) == [0, 1, 2, 3, 4]
    assert await side.mailbox.take(NODE, 10, 0) == []


async def test_the_first_look_makes_the_queue(side: Side) -> None:
    """A worker that speaks only HTTP has nobody else to make it, so no order would ever be routed."""
    with pytest.raises(Unroutable):
        await side.bus.publish(grant(1))
    await side.mailbox.take(NODE, 1, 0)
    await side.bus.publish(grant(2))
    assert numbers(await side.mailbox.take(NODE, 1, 0)) == [2]


async def test_a_look_that_waits_gets_what_comes_meanwhile(side: Side) -> None:
    """Orders would reach a polling worker only with its next poll."""
    looking = asyncio.create_task(side.mailbox.take(NODE, 10, 20))
    await until(lambda: published(side, 7), "the queue is there")
    assert numbers(await asyncio.wait_for(looking, 5)) == [7]


async def test_a_look_ends_after_its_time_with_nothing(side: Side) -> None:
    """A poll would hang longer than its client waits."""
    begun = asyncio.get_running_loop().time()
    assert await side.mailbox.take(NODE, 10, 0.3) == []
    assert 0.25 < asyncio.get_running_loop().time() - begun < 5


async def test_a_look_that_is_called_off_takes_nothing(side: Side) -> None:
    """A client that hung up would take the next order with it into nowhere."""
    looking = asyncio.create_task(side.mailbox.take(NODE, 10, 20))
    await until(lambda: published(side, 1), "the queue is there")
    assert numbers(await looking) == [1]
    looking = asyncio.create_task(side.mailbox.take(NODE, 10, 20))
    await asyncio.sleep(0)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    await side.bus.publish(grant(2))
    assert numbers(await side.mailbox.take(NODE, 10, 5)) == [2]


async def test_each_node_has_its_own_orders(side: Side) -> None:
    """A worker would get what is meant for another."""
    await side.mailbox.take(NODE, 1, 0)
    await side.mailbox.take(OTHER, 1, 0)
    await side.bus.publish(grant(1, node_id=OTHER))
    assert await side.mailbox.take(NODE, 1, 0) == []
    assert numbers(await side.mailbox.take(OTHER, 1, 0)) == [1]


async def test_what_cannot_be_read_becomes_a_dead_letter_and_stops_nobody(side: Side) -> None:
    """One mistyped order would block all that come after it."""
    await side.mailbox.take(NODE, 1, 0)
    await side.throw_in(b"no JSON")
    await side.bus.publish(grant(3))
    assert numbers(await side.mailbox.take(NODE, 10, 5)) == [3]
    assert "node.grant-lease.v1" in (await until(side.dead, "a dead letter"))[0]


async def test_an_order_typed_by_hand_keeps_every_field_and_gets_an_id(side: Side) -> None:
    """An operator's order from the management console has no envelope; a newer field in it must not be lost."""
    await side.mailbox.take(NODE, 1, 0)
    body = grant(4).model_dump_json()[:-1] + ', "newer": 1}'
    await side.throw_in(body.encode())
    (parcel,) = await side.mailbox.take(NODE, 10, 5)
    assert (parcel.type, parcel.body["newer"], len(parcel.id)) == (GrantLease.TYPE, 1, 32)


async def test_a_connection_that_dies_is_told_and_made_anew(
    broker_server: Broker, amqp_url: str, rabbit_side: Side
) -> None:
    """Everybody who waits would hang until its time is over, and nobody would ever be given an order again."""
    vhost = amqp_url.rsplit("/", 1)[1]
    looking = asyncio.create_task(rabbit_side.mailbox.take(NODE, 10, 60))
    async with vhosts.management(broker_server) as api:

        async def killed() -> bool:
            rows = (await api.get(f"/api/vhosts/{vhost}/connections")).raise_for_status().json()
            names_of = {row["name"]: row.get("client_properties", {}).get("connection_name") for row in rows}
            found = [name for name, given in names_of.items() if given == "callboard test mailbox"]
            for name in found:
                await api.delete(f"/api/connections/{quote(name, safe='')}")
            return bool(found)

        await until(killed, "the connection is shown, and cut", 30)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(looking, 10)
    assert await published(rabbit_side, 9)
    assert numbers(await rabbit_side.mailbox.take(NODE, 10, 0)) == [9]


async def published(side: Side, seq: int) -> bool:
    """Whether the order was routed; the queue may not be there yet."""
    try:
        await side.bus.publish(grant(seq))
    except Unroutable:
        return False
    return True


def test_reports_and_orders_are_apart() -> None:
    """A node could be sent a report, or send an order to another."""
    assert AccountChanged in REPORTS
    assert GrantLease in ORDERS
    assert not set(ORDERS) & set(REPORTS)
