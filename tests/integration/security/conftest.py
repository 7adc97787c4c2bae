"""A back office with two nodes that have joined: what one has is what a thief would have."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aio_pika
import pytest

from services.node_agent.domain.membership import Membership
from services.node_agent.transports.amqp import address_of
from tests.integration.transports.office import BackOffice
from tests.support import servers

MINE, OTHERS = "tokyo-1", "osaka-1"


@pytest.fixture
async def office(amqp_url: str, database_url: str, broker_server: servers.Broker) -> AsyncIterator[BackOffice]:
    """A back office, running."""
    async with BackOffice.open(amqp_url, database_url, broker_server.management) as running:
        yield running


@dataclass
class Thief:
    """Whoever has a node's identity file, and its connection to the broker."""

    stolen: Membership
    connection: aio_pika.abc.AbstractConnection


@pytest.fixture
async def thief(office: BackOffice, tmp_path: Path) -> AsyncIterator[Thief]:
    """Has the file of one node; there is another one."""
    stolen, _ = await asyncio.gather(office.enrolled(MINE, tmp_path / MINE), office.enrolled(OTHERS, tmp_path / OTHERS))
    assert stolen.given.broker is not None
    connection = await aio_pika.connect(address_of(stolen.given.broker, None))
    yield Thief(stolen, connection)
    await connection.close()
