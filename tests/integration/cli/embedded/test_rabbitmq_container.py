"""RabbitMQ in a container, started by the `docker` client as our child."""

import asyncio
from pathlib import Path

import aio_pika

from services.cli.embedded.rabbitmq_container import ContainerRabbitMQ
from tests.support.ports import free_port


async def docker(*arguments: str) -> str:
    """What the client prints."""
    process = await asyncio.create_subprocess_exec("docker", *arguments, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode()


async def test_a_container_keeps_its_queues_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """If this broke, a machine with Docker would keep stray containers, or lose its queues at every stop."""
    broker = ContainerRabbitMQ(tmp_path, port=free_port(), management_port=free_port())
    try:
        await broker.start()
        async with await aio_pika.connect(broker.url, timeout=10) as connection:
            channel = await connection.channel()
            await channel.declare_queue("orders", durable=True)
            # The server's database writes what became of a declaration behind the answer, with the next one at the
            # latest; one that is killed in between has never heard of the queue.
            await channel.declare_queue("behind-it", durable=True)
        assert f"127.0.0.1:{broker.port}->5672" in await docker("ps", "--filter", f"name={broker.name}")

        await broker.kill()
        assert broker.name not in await docker("ps", "--all")
        await broker.start()
        async with await aio_pika.connect(broker.url, timeout=10) as connection:
            await (await connection.channel()).declare_queue("orders", durable=True, passive=True)
    finally:
        await broker.erase()
    assert broker.name not in await docker("ps", "--all")
    assert broker.name not in await docker("volume", "ls")
