"""The back office of these tests."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.transports.office import BackOffice
from tests.support import servers


@pytest.fixture
async def office(amqp_url: str, database_url: str, broker_server: servers.Broker) -> AsyncIterator[BackOffice]:
    """A back office, running."""
    async with BackOffice.open(amqp_url, database_url, broker_server.management) as running:
        yield running
