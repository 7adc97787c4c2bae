"""The back office of these tests."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.transports.office import BackOffice


@pytest.fixture
async def office(amqp_url: str, database_url: str) -> AsyncIterator[BackOffice]:
    """A back office, running."""
    async with BackOffice.open(amqp_url, database_url) as running:
        yield running
