"""A real private RabbitMQ: started, killed, restarted, erased. One story, for each start costs seconds."""

import asyncio
import os
import signal
from pathlib import Path

import aio_pika
import httpx
import psutil

from services.cli.embedded.choice import choose_broker, look_at_machine
from services.cli.embedded.rabbitmq import EmbeddedRabbitMQ
from services.cli.embedded.waiting import until
from tests.support.ports import free_port


def strays(broker: EmbeddedRabbitMQ, directory: Path) -> list[psutil.Process]:
    """Erlang processes of this broker: those that carry its directory in their environment or command line."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join([*process.cmdline(), *(f"{k}={v}" for k, v in process.environ().items())])
        except psutil.Error:
            continue
        if str(directory) in words and process.pid != psutil.Process().pid:
            found.append(process)
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


async def put(broker: EmbeddedRabbitMQ, queue: str, kind: str) -> None:
    """A confirmed persistent message in a durable queue."""
    async with await aio_pika.connect(broker.url, timeout=10) as connection:
        channel = await connection.channel(publisher_confirms=True)
        await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": kind})
        message = aio_pika.Message(b"kept", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key=queue, timeout=10)


async def queues(broker: EmbeddedRabbitMQ) -> set[str]:
    """The queues' names, from the management console."""
    login = broker.management
    async with httpx.AsyncClient(auth=(login.username, login.password), timeout=10, trust_env=False) as client:
        response = await client.get(f"{login.url}/api/queues")
    response.raise_for_status()
    return {row["name"] for row in response.json()}


async def take(broker: EmbeddedRabbitMQ, queue: str) -> bytes:
    """The next message of the queue; consumed, for a quorum queue elects its leader some time after the start."""
    async with await aio_pika.connect(broker.url, timeout=10) as connection:
        channel = await connection.channel()
        source = await channel.declare_queue(queue, passive=True, timeout=20)
        async with source.iterator(timeout=20) as messages:
            message = await anext(messages)
            await message.ack()
    return message.body


async def quorum_queue_is_on_disk(data: Path, queue: str) -> bool:
    """Wait until the server has flushed its register of quorum queues, which it does seconds after a declaration.

    A queue that is not in that file when the server is killed keeps its name afterwards and never finds a leader.
    """

    async def registered() -> bool:
        return any(queue.encode() in register.read_bytes() for register in data.glob("node/quorum/*/names.dets"))

    return await until(registered, 30)


async def test_a_life_of_kills_keeps_queues_until_they_are_erased(tmp_path: Path) -> None:
    """If this broke, fault tests would prove nothing, or a private broker would outlive its owner."""
    async with EmbeddedRabbitMQ(tmp_path, port=free_port(), management_port=free_port()) as broker:
        await put(broker, "orders", "classic")
        await put(broker, "reports", "quorum")
        # The server and its port mapper, each with its helpers.
        assert {process.name() for process in strays(broker, tmp_path)} >= {"beam.smp"}
        assert broker.process is not None
        assert broker.process.pid in {p.pid for p in strays(broker, tmp_path) if p.name() == "beam.smp"}

        assert await quorum_queue_is_on_disk(tmp_path / "data", "reports")

        await broker.kill()
        assert strays(broker, tmp_path) == []
        await broker.start()
        assert await queues(broker) == {"orders", "reports"}
        assert await take(broker, "orders") == b"kept"
        assert await take(broker, "reports") == b"kept"

        await broker.erase()
        assert strays(broker, tmp_path) == []
        await broker.start()
        assert await queues(broker) == set()
        await put(broker, "orders", "classic")
    assert strays(broker, tmp_path) == []


def mappers() -> set[int]:
    """The port mappers that this process has; a broker of the whole test run may have one, too."""
    return {process.pid for process in psutil.Process().children() if process.name() == "epmd"}


async def registered(broker: EmbeddedRabbitMQ) -> bool:
    """Whether Erlang's port mapper is there and knows the server by name."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port_mapper_port)
    except OSError:
        return False
    # Erlang's distribution protocol: the length of the request, then "n" for all names.
    writer.write(b"\x00\x01n")
    answer = await reader.read()
    writer.close()
    return b"name callboard at port" in answer


async def test_it_comes_back_after_kills_of_the_server_and_of_the_port_mapper(tmp_path: Path) -> None:
    """If this broke, a killed epmd would stay away, or each restart would leave one more behind."""
    others = mappers()
    async with EmbeddedRabbitMQ(tmp_path, port=free_port(), management_port=free_port()) as broker:
        ended = asyncio.create_task(broker.wait())
        assert broker.process is not None
        assert broker.port_mapper is not None
        server, mapper = broker.process.pid, broker.port_mapper.pid
        await broker.port_mapper.kill()

        async def back() -> bool:
            assert broker.port_mapper is not None
            return broker.port_mapper.pid != mapper and await registered(broker)

        assert await until(back, 20)
        assert (broker.process.pid, ended.done()) == (server, False)

        # The server alone: its port mapper lives on and must not be forgotten by the next start.
        assert server is not None
        os.kill(server, signal.SIGKILL)
        assert await asyncio.wait_for(ended, 10) == -signal.SIGKILL
        await broker.start()
        assert await until(lambda: registered(broker), 20)
        assert len(mappers() - others) == 1
        await put(broker, "orders", "classic")
    assert strays(broker, tmp_path) == []
    assert mappers() == others


async def test_a_server_on_the_machine_comes_before_a_container(tmp_path: Path) -> None:
    """If this broke, an installed RabbitMQ would be ignored and an image fetched instead."""
    machine = await look_at_machine(amqp_url=None)
    assert machine.server is not None
    broker = await choose_broker(tmp_path, ports=(free_port(), free_port()))
    assert isinstance(broker, EmbeddedRabbitMQ)
