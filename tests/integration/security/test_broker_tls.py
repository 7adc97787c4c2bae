"""TLS to the broker: the certificate is checked, and the name in it, by services and by agents."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.cli.embedded import choose_broker
from services.node_agent.transports.amqp import address_of
from services.registry.settings import Settings
from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.enrolments import BrokerLogin
from shared.contracts.leases import GrantLease
from shared.messaging import PublishFailed, Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.randomness import SystemRandomness
from tests.support.ports import free_port
from tests.support.tls import Certificates, certificates, listen_with_tls
from tests.support.waiting import until

QUEUE = names.node_commands_queue("n")
LEASE = GrantLease(node_id="n", boot=1, seq=1, seconds=30, ledger_id="0" * 32)


@dataclass(frozen=True)
class Encrypted:
    """A broker's address with TLS, and whom it is vouched for by."""

    url: str
    files: Certificates
    login: BrokerLogin


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Encrypted]:
    """A private RabbitMQ that listens with TLS."""
    home, port = tmp_path / "rabbit", free_port()
    files = certificates(tmp_path / "tls")
    listen_with_tls(home, port, files)
    server = await choose_broker(home, ports=(free_port(), free_port()))
    await server.start()
    login = server.url.removeprefix("amqp://").partition("@")[0]
    user, _, password = login.partition(":")
    given = BrokerLogin(url=f"amqps://127.0.0.1:{port}/", username=user, password=password)
    try:
        yield Encrypted(f"amqps://{login}@127.0.0.1:{port}/", files, given)
    finally:
        await server.stop(15)


def bus_of(url: str) -> RabbitBus:
    """A bus at this address."""
    return RabbitBus(url, "test", [QUEUE], SystemClock(), SystemRandomness())


def settings(url: str, ca: Path | None) -> Settings:
    """A registry's settings with this broker."""
    database, token = "postgresql+asyncpg://nowhere", SecretStr("a-token-for-these-tests")
    return Settings(amqp_url=url, amqp_ca_file=ca, database_url=database, token=token)


async def test_services_and_agents_speak_over_tls_and_refuse_strangers(broker: Encrypted, tmp_path: Path) -> None:
    """Whoever sits between would read every order and speak as the broker."""
    came: list[GrantLease] = []

    async def take(lease: GrantLease) -> None:
        came.append(lease)

    clock, randomness = SystemClock(), SystemRandomness()
    service = bus_of(settings(broker.url, broker.files.ca).amqp_url)
    agent = address_of(broker.login, broker.files.ca)
    consumer = RabbitConsumer(agent, [Route(QUEUE, {GrantLease: take})], bus_of(agent), clock, randomness)
    task = asyncio.create_task(consumer.run())
    try:
        await service.publish(LEASE)
        await until(lambda: came == [LEASE], "the lease has come over TLS")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await service.close()

    stranger = certificates(tmp_path / "stranger").ca
    wrong_name = broker.url.replace("127.0.0.1", "localhost")
    for url in (
        settings(broker.url, stranger).amqp_url,
        settings(broker.url, None).amqp_url,
        settings(wrong_name, broker.files.ca).amqp_url,
        address_of(broker.login, stranger),
    ):
        bus = bus_of(url)
        with pytest.raises(PublishFailed, match=r"(?i)certificate|ssl"):
            await bus.publish(LEASE)
        await bus.close()
