"""The queue of dead letters over AMQP: read without removing, replay, drop.

Reading takes letters with `basic.get` and holds them unsettled; closing the channel gives back whatever was not
settled, also when this process dies in the middle. One scan at a time and at most `MOST_SCANNED` letters, so the hold
lasts moments; a second replica that scans just then sees fewer letters, never loses one.
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq.exceptions import ChannelNotFoundEntity, PublishError

from services.deployer.domain.dead_letters import DeadLetter, NoSuchLetter, NotReplayable
from shared.contracts import envelope, names
from shared.messaging import Unavailable

MOST_SCANNED = 1_000
# A get is a round trip; a thousand of them take well under this.
SCAN_TIMEOUT = 20.0
CONNECT_TIMEOUT = 5.0
CONFIRM_TIMEOUT = 10.0

# What the broker or the burial added; a replayed message is as it was sent first.
_OF_THE_DEAD = (
    envelope.DEAD_REASON,
    envelope.DEAD_QUEUE,
    envelope.DEAD_EXCHANGE,
    envelope.DEAD_ROUTING_KEY,
    envelope.DEAD_AT,
    "x-death",
    "x-delivery-count",
    "x-acquired-count",
    "x-opt-deaths",
)
_OF_THE_BROKER = ("x-first-death-", "x-last-death-")


class RabbitDeadLetters:
    """Dead letters of one broker. Every method raises Unavailable when it is away."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._one_at_a_time = asyncio.Lock()

    async def listed(self, limit: int) -> list[DeadLetter]:
        """The oldest letters; they stay in the queue."""
        async with self._scan() as (_, letters):
            found = [letter_of(message) async for message in letters]
        # A quorum queue may put what is given back at its end, so its own order changes with every reading.
        return sorted(found, key=lambda letter: (letter.at or "", letter.id))[:limit]

    async def one(self, letter_id: str) -> DeadLetter | NoSuchLetter:
        """One letter; it stays in the queue."""
        async with self._scan() as (_, letters):
            message = await _found(letters, letter_id)
            return NoSuchLetter() if message is None else letter_of(message)

    async def replay(self, letter_id: str) -> DeadLetter | NoSuchLetter | NotReplayable:
        """Publish it where it was published first, and remove it once that is confirmed."""
        async with self._scan() as (channel, letters):
            message = await _found(letters, letter_id)
            if message is None:
                return NoSuchLetter()
            letter = letter_of(message)
            if not letter.exchange or letter.routing_key is None:
                return NotReplayable("nothing says where it was published first")
            refused = await _publish(channel, letter.exchange, letter.routing_key, message)
            if refused is not None:
                return refused
            await message.ack()
            return letter

    async def drop(self, letter_id: str) -> DeadLetter | NoSuchLetter:
        """Remove it for good."""
        async with self._scan() as (_, letters):
            message = await _found(letters, letter_id)
            if message is None:
                return NoSuchLetter()
            await message.ack()
            return letter_of(message)

    @asynccontextmanager
    async def _scan(self) -> AsyncIterator[tuple[AbstractChannel, AsyncIterator[AbstractIncomingMessage]]]:
        try:
            async with self._one_at_a_time, asyncio.timeout(SCAN_TIMEOUT):
                connection = await aio_pika.connect(
                    self._url, timeout=CONNECT_TIMEOUT, client_properties={"connection_name": self._name}
                )
                async with connection, connection.channel(on_return_raises=True) as channel:
                    yield channel, _letters(channel)
        except (OSError, TimeoutError, aio_pika.exceptions.AMQPError) as error:
            raise Unavailable(f"the broker is away ({type(error).__name__}: {error})") from error


async def _letters(channel: AbstractChannel) -> AsyncIterator[AbstractIncomingMessage]:
    try:
        queue = await channel.get_queue(names.DEAD_LETTERS_QUEUE)
    except ChannelNotFoundEntity:
        return  # a broker that came back empty: nobody has declared the queue yet, so nothing died
    for _ in range(MOST_SCANNED):
        message = await queue.get(no_ack=False, fail=False, timeout=CONNECT_TIMEOUT)
        if message is None:
            return
        yield message


async def _found(letters: AsyncIterator[AbstractIncomingMessage], letter_id: str) -> AbstractIncomingMessage | None:
    async for message in letters:
        if _id(message) == letter_id:
            return message
    return None


async def _publish(
    channel: AbstractChannel, exchange: str, routing_key: str, message: AbstractIncomingMessage
) -> NotReplayable | None:
    again = aio_pika.Message(
        message.body,
        headers={name: value for name, value in message.headers.items() if not _added(name)},
        message_id=message.message_id,
        type=message.type,
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    try:
        target = await channel.get_exchange(exchange, ensure=False)
        await target.publish(again, routing_key, mandatory=True, timeout=CONFIRM_TIMEOUT)
    except PublishError:
        return NotReplayable(f"no queue takes {routing_key!r} of {exchange} now")
    except ChannelNotFoundEntity:
        return NotReplayable(f"there is no exchange {exchange} now")
    return None


def letter_of(message: AbstractIncomingMessage) -> DeadLetter:
    """The letter in a message, whoever buried it: a handler, with its verdict, or the broker itself."""
    headers = message.headers
    death = _first_death(headers)
    keys = death.get("routing-keys") or [None]
    body, encoding = _text(message.body)
    return DeadLetter(
        id=_id(message),
        queue=_said(headers.get(envelope.DEAD_QUEUE) or death.get("queue")),
        exchange=_said(headers.get(envelope.DEAD_EXCHANGE) or death.get("exchange")),
        routing_key=_said(headers.get(envelope.DEAD_ROUTING_KEY) or keys[0]),
        reason=_said(headers.get(envelope.DEAD_REASON) or _brokers_reason(death)),
        at=_said(headers.get(envelope.DEAD_AT) or death.get("time")),
        type=_said(headers.get(envelope.TYPE) or message.type),
        body=body,
        encoding=encoding,
    )


def _id(message: AbstractIncomingMessage) -> str:
    # A message that several queues took may die in each of them under one message id; the place and the time of
    # the death tell them apart. The broker's own counters change with every reading, so they are not in it.
    headers, death = message.headers, _first_death(message.headers)
    parts = (
        message.message_id,
        headers.get(envelope.DEAD_QUEUE) or death.get("queue"),
        headers.get(envelope.DEAD_AT) or death.get("time"),
        headers.get(envelope.DEAD_ROUTING_KEY),
    )
    digest = hashlib.sha256("\n".join(str(part) for part in parts).encode() + b"\n" + message.body)
    return f"dl_{digest.hexdigest()[:32]}"


def _first_death(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    deaths = headers.get("x-death")
    first = deaths[-1] if isinstance(deaths, list) and deaths else {}
    return first if isinstance(first, Mapping) else {}


def _brokers_reason(death: Mapping[str, Any]) -> str | None:
    reason = death.get("reason")
    return None if reason is None else f"the broker gave up on it: {_said(reason)}"


def _said(value: object) -> str | None:
    if value is None:
        return None
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _text(body: bytes) -> tuple[str, str]:
    try:
        return body.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"


def _added(name: str) -> bool:
    return name in _OF_THE_DEAD or name.startswith(_OF_THE_BROKER)
