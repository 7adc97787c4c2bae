"""Dead letters over a real broker."""

from collections.abc import AsyncIterator

import aio_pika
import pytest

from services.deployer.dead_letters import RabbitDeadLetters
from services.deployer.domain.dead_letters import DeadLetter, NoSuchLetter, NotReplayable
from shared.contracts import names
from shared.messaging import Unavailable
from shared.messaging.handling import Received
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.topology import static_queues
from tests.integration.deployer.running import CLOCK, RANDOMNESS
from tests.support.queues import look_at

KEY = "node.demo-a.delivery"
GONE = "dl_" + "0" * 32


@pytest.fixture
async def bus(amqp_url: str) -> AsyncIterator[RabbitBus]:
    """A service that buries letters."""
    bus = RabbitBus(amqp_url, "test", static_queues(30), CLOCK, RANDOMNESS)
    yield bus
    await bus.close()


@pytest.fixture
def letters(amqp_url: str) -> RabbitDeadLetters:
    """The adapter under test."""
    return RabbitDeadLetters(amqp_url, "test")


async def bury(bus: RabbitBus, *bodies: bytes, key: str = KEY, exchange: str = names.EVENTS) -> None:
    """Bury messages that came through the deployer's queue."""
    for body in bodies:
        received = Received(names.DEPLOYER_REPORTS_QUEUE, body, "node.delivery.v1", exchange, key)
        await bus.bury(received, "no such delivery")


async def test_letters_are_listed_with_where_they_came_from_and_stay(
    bus: RabbitBus, letters: RabbitDeadLetters, amqp_url: str
) -> None:
    """Otherwise looking at a letter would lose it, or nobody could tell what it was."""
    await bury(bus, b'{"n": 1}', b'{"n": 2}', b"\xff")
    first = await letters.listed(10)
    assert [letter.body for letter in first] == ['{"n": 1}', '{"n": 2}', "/w=="]
    assert [letter.encoding for letter in first] == ["utf-8", "utf-8", "base64"]
    letter = first[0]
    assert (letter.queue, letter.exchange, letter.routing_key) == (names.DEPLOYER_REPORTS_QUEUE, names.EVENTS, KEY)
    assert (letter.reason, letter.type) == ("no such delivery", "node.delivery.v1")
    for _ in range(25):
        assert await letters.listed(10) == first
    assert await letters.listed(2) == first[:2]
    assert await letters.one(first[1].id) == first[1]
    assert await letters.one(GONE) == NoSuchLetter()
    assert (await look_at(amqp_url, names.DEAD_LETTERS_QUEUE)).ready == 3


async def test_a_replayed_letter_goes_back_to_where_it_was_published(
    bus: RabbitBus, letters: RabbitDeadLetters, amqp_url: str
) -> None:
    """Otherwise a message that can be handled by now could not be saved."""
    await bury(bus, b'{"n": 1}', b'{"n": 2}')
    first, second = await letters.listed(10)
    assert await letters.replay(second.id) == second
    assert await letters.listed(10) == [first]
    assert await letters.replay(second.id) == NoSuchLetter()
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        message = await (await channel.get_queue(names.DEPLOYER_REPORTS_QUEUE)).get(no_ack=True)
    assert message is not None
    assert (message.body, message.routing_key) == (b'{"n": 2}', KEY)
    # The one more is what a quorum queue adds by itself.
    assert set(message.headers) - {"x-delivery-count"} == {"cloudEvents:type"}


async def test_a_letter_that_no_queue_takes_stays(bus: RabbitBus, letters: RabbitDeadLetters) -> None:
    """Otherwise a replay to a node that is gone would lose the message."""
    await bury(bus, b"{}", key="node.gone", exchange=names.COMMANDS)
    await bury(bus, b"{}", exchange="no.such.exchange")
    await bury(bus, b"{}", exchange="")
    found = await letters.listed(10)
    outcomes = [await letters.replay(letter.id) for letter in found]
    assert outcomes == [
        NotReplayable("no queue takes 'node.gone' of callboard.commands now"),
        NotReplayable("there is no exchange no.such.exchange now"),
        NotReplayable("nothing says where it was published first"),
    ]
    assert await letters.listed(10) == found


async def test_a_dropped_letter_is_gone_and_the_others_stay(bus: RabbitBus, letters: RabbitDeadLetters) -> None:
    """Otherwise tidying up would tidy too much."""
    await bury(bus, b"1", b"2", b"3")
    found = await letters.listed(10)
    assert await letters.drop(found[1].id) == found[1]
    assert await letters.drop(found[1].id) == NoSuchLetter()
    assert await letters.listed(10) == [found[0], found[2]]


async def test_a_letter_that_the_broker_buried_says_so(
    bus: RabbitBus, letters: RabbitDeadLetters, amqp_url: str
) -> None:
    """Otherwise what crashed its consumer too often would be a letter without an origin."""
    await bury(bus, b"before")
    await letters.drop((await letters.listed(1))[0].id)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        events = await channel.get_exchange(names.EVENTS)
        await events.publish(aio_pika.Message(b"{}", message_id="m-1", type="node.delivery.v1"), KEY)
        message = await (await channel.get_queue(names.DEPLOYER_REPORTS_QUEUE)).get()
        assert message is not None
        await message.reject(requeue=False)
    found: list[DeadLetter] = []
    while not found:
        found = await letters.listed(10)
    (letter,) = found
    assert (letter.queue, letter.exchange, letter.routing_key) == (names.DEPLOYER_REPORTS_QUEUE, names.EVENTS, KEY)
    assert letter.reason == "the broker gave up on it: rejected"
    assert letter.at is not None and letter.type == "node.delivery.v1"
    assert await letters.replay(letter.id) == letter


async def test_a_broker_without_the_queue_has_no_letters(letters: RabbitDeadLetters) -> None:
    """Otherwise a fresh broker would look broken."""
    assert await letters.listed(10) == []
    assert await letters.drop(GONE) == NoSuchLetter()


async def test_a_broker_that_is_away_is_told() -> None:
    """Otherwise the API would answer with an error that nobody expected."""
    with pytest.raises(Unavailable):
        await RabbitDeadLetters("amqp://guest:guest@127.0.0.1:1/", "test").listed(1)
