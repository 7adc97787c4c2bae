"""A node's stolen credentials on a real broker and a real back office: everything but the node's own is refused."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.exceptions import AMQPError, ChannelAccessRefused, ProbableAuthenticationError

from services.node_agent.transports.amqp import address_of
from shared.clock import SystemClock
from shared.contracts import names
from shared.messaging.flooding import MOST_HEARTBEATS
from shared.messaging.rabbit_bus import RabbitBus
from shared.randomness import SystemRandomness
from tests.integration.security.conftest import MINE, OTHERS, Thief
from tests.integration.transports.office import LEASE_SECONDS, BackOffice
from tests.support.waiting import until
from tests.unit.registry.builders import beat

QUEUE, OTHERS_QUEUE = names.node_commands_queue(MINE).name, names.node_commands_queue(OTHERS).name
Attempt = Callable[[AbstractChannel], Awaitable[object]]


async def publish(channel: AbstractChannel, exchange: str, key: str) -> object:
    """Publish something, and wait for the broker's word."""
    there = await channel.get_exchange(exchange, ensure=False) if exchange else channel.default_exchange
    return await there.publish(aio_pika.Message(b"{}"), key, mandatory=False, timeout=5)


async def consume(channel: AbstractChannel, queue: str) -> object:
    """Read a queue."""

    async def read(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        """What comes is of no matter."""

    found = await channel.get_queue(queue, ensure=False)
    return await found.consume(read, timeout=5)


async def bind(channel: AbstractChannel, queue: str, exchange: str, key: str) -> object:
    """Have messages of an exchange put into a queue."""
    found = await channel.get_queue(queue, ensure=False)
    return await found.bind(exchange, key, timeout=5)


async def purge(channel: AbstractChannel, queue: str) -> object:
    """Empty a queue."""
    return await (await channel.get_queue(queue, ensure=False)).purge(timeout=5)


ATTEMPTS: dict[str, Attempt] = {
    "read another node's orders": lambda channel: consume(channel, OTHERS_QUEUE),
    "read what all nodes report": lambda channel: consume(channel, names.HEARTBEATS_QUEUE),
    "read dead letters": lambda channel: consume(channel, names.DEAD_LETTERS_QUEUE),
    "empty another node's queue": lambda channel: purge(channel, OTHERS_QUEUE),
    "bind another's orders to its queue": lambda channel: bind(
        channel, QUEUE, names.COMMANDS, names.command_key(OTHERS)
    ),
    "bind everybody's reports to its queue": lambda channel: bind(channel, QUEUE, names.EVENTS, "#"),
    "beat as another node": lambda channel: publish(channel, names.EVENTS, names.heartbeat_key(OTHERS)),
    "report for another node": lambda channel: publish(channel, names.EVENTS, names.delivery_key(OTHERS)),
    "speak as the registry": lambda channel: publish(channel, names.EVENTS, f"fleet.node.{MINE}"),
    "speak as the deployer": lambda channel: publish(channel, names.EVENTS, "deploy.keys.announced"),
    "invent a kind of report": lambda channel: publish(channel, names.EVENTS, f"node.{MINE}.heartbeat.more"),
    "give another node an order": lambda channel: publish(channel, names.COMMANDS, names.command_key(OTHERS)),
    "give itself an order": lambda channel: publish(channel, names.COMMANDS, names.command_key(MINE)),
    "put into a queue directly": lambda channel: publish(channel, "", OTHERS_QUEUE),
    "put among the dead letters": lambda channel: publish(channel, names.DEAD, ""),
    "declare a queue": lambda channel: channel.declare_queue("a-queue-of-a-thief", timeout=5),
    "declare a queue of its own": lambda channel: channel.declare_queue(exclusive=True, timeout=5),
    "declare an exchange": lambda channel: channel.declare_exchange("an-exchange-of-a-thief", timeout=5),
    "delete its queue": lambda channel: channel.queue_delete(QUEUE, timeout=5),
    "delete the exchange of orders": lambda channel: channel.exchange_delete(names.COMMANDS, timeout=5),
}


async def test_at_the_broker_everything_but_its_own_is_refused(thief: Thief) -> None:
    """One machine that is broken into would be the whole fleet broken into."""
    allowed = []
    for what, attempt in ATTEMPTS.items():
        # A channel for each: a refusal closes it.
        channel = await thief.connection.channel()
        try:
            await attempt(channel)
            allowed.append(what)
        except ChannelAccessRefused:
            pass
    assert allowed == []


async def test_its_own_reports_and_its_own_queue_are_left(thief: Thief) -> None:
    """A permission that is too narrow would cut the node off from what it is for."""
    async with thief.connection.channel() as channel:
        for word in names.REPORT_WORDS:
            await publish(channel, names.EVENTS, f"node.{MINE}.{word}")
        await consume(channel, QUEUE)


async def test_a_report_in_another_nodes_name_is_refused_whatever_its_body_says(
    thief: Thief, office: BackOffice
) -> None:
    """The key is what the broker checks; a body that says otherwise would go round it."""
    body = f'{{"node_id": "{OTHERS}"}}'.encode()
    async with thief.connection.channel() as channel:
        events = await channel.get_exchange(names.EVENTS, ensure=False)
        await events.publish(aio_pika.Message(body), names.account_key(MINE))

    async def found() -> bool:
        letters = (await office.get("/api/v1/dead-letters", limit=50))["items"]
        return any(letter["routing_key"] == names.account_key(MINE) for letter in letters)

    await until(found, "a dead letter")


DOORS = [
    ("GET", f"/api/v1/workers/{OTHERS}/commands", 403),
    ("POST", f"/api/v1/workers/{OTHERS}/reports", 403),
    ("POST", f"/api/v1/workers/{OTHERS}/revoke", 403),
    ("GET", "/api/v1/workers", 403),
    ("GET", "/api/v1/group-ai/accounts", 403),
    ("GET", "/api/v1/events", 403),
    ("GET", "/api/v1/dead-letters", 403),
    ("POST", "/api/v1/workers/enrolments", 403),
    ("POST", "/api/v1/group-ai/keys/sign", 403),
    ("POST", "/api/v1/group-ai/keys/rotate", 403),
    ("GET", f"/api/v1/workers/{MINE}/commands", 200),
]


async def test_over_http_its_token_opens_its_own_doors_alone(thief: Thief, office: BackOffice) -> None:
    """A node's token that reads another node's orders is an operator's token."""
    headers = {"authorization": f"Bearer {thief.stolen.given.token}"}
    answers = {}
    async with httpx.AsyncClient(base_url=office.url, headers=headers, timeout=20) as api:
        for method, path, _ in DOORS:
            body = {"parcels": [{"type": "node.account.v1", "id": "x", "body": {}}]} if "reports" in path else None
            answers[method, path] = (await api.request(method, path, json=body)).status_code
    assert answers == {(method, path): status for method, path, status in DOORS}


async def test_revoking_cuts_it_off_within_seconds(thief: Thief, office: BackOffice) -> None:
    """Until then a thief has whatever the node has."""
    closed = asyncio.Event()
    thief.connection.close_callbacks.add(lambda *_: closed.set())
    token, broker = thief.stolen.given.token, thief.stolen.given.broker
    assert broker is not None
    answer = await office.http.post(f"/api/v1/workers/{MINE}/revoke")
    assert answer.status_code == 200, answer.text
    async with asyncio.timeout(5):
        await closed.wait()
    with pytest.raises(ProbableAuthenticationError):
        await aio_pika.connect(address_of(broker, None), timeout=5)

    async def refused() -> bool:
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=office.url, headers=headers) as api:
            return (await api.get(f"/api/v1/workers/{MINE}/commands")).status_code == 401

    await until(refused, "the token opens nothing", 5)
    # Nor does anybody else speak for it.
    beat = {"node_id": MINE, "accounts": []}
    assert (await office.http.post("/api/v1/workers/heartbeat", json=beat)).status_code == 403


async def test_a_flood_is_cut_off_and_the_other_nodes_are_heard(
    thief: Thief, office: BackOffice, amqp_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One stolen login would drown the beats of all nodes, whose leases would end with their accounts."""
    assert thief.stolen.given.broker is not None
    url = address_of(thief.stolen.given.broker, None)
    command = (sys.executable, "-m", "tests.integration.security.flood", url, names.heartbeat_key(MINE))
    flood = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    bus = RabbitBus(amqp_url, "osaka-1", None, SystemClock(), SystemRandomness())
    ended, seq = asyncio.create_task(flood.communicate()), 0
    try:
        async with asyncio.timeout(30):
            while not ended.done():
                seq += 1
                await bus.publish(beat(seq, node_id=OTHERS))

                async def heard(seq: int = seq) -> bool:
                    found = await office.http.get(f"/api/v1/workers/{OTHERS}")
                    return found.status_code == 200 and bool(found.json()["seq"] >= seq)

                await until(heard, "the other node is heard", LEASE_SECONDS)
                await asyncio.sleep(0.5)
        assert (await office.get(f"/api/v1/workers/{OTHERS}"))["status"] == "online"
        with pytest.raises(AMQPError):
            await aio_pika.connect(url, timeout=5)
    finally:
        if flood.returncode is None:
            flood.kill()
        await ended
        await bus.close()
    told = capfd.readouterr().out
    assert "node_floods" in told and "node_locked_out" in told
    letters = (await office.get("/api/v1/dead-letters", limit=1000))["items"]
    assert len(letters) <= MOST_HEARTBEATS * 3, "what is beyond the bound leaves nothing behind"
