"""Fixtures for every suite: real servers once a session, a fresh database and a fresh vhost for each test."""

import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support import databases, servers, vhosts

# A shell that starts us in the background has SIGINT ignored, and what we start would inherit that: Ctrl-C would not
# end the commands whose end by Ctrl-C is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Postgres]:
    """A PostgreSQL with a migrated template."""
    with servers.postgres() as server:
        databases.make_template(server)
        yield server


@pytest.fixture(scope="session")
def broker_server() -> Iterator[servers.Broker]:
    """A RabbitMQ with its management API."""
    with servers.broker() as server:
        yield server


@pytest.fixture
async def database_url(postgres_server: servers.Postgres) -> AsyncIterator[str]:
    """A fresh, migrated database."""
    url = await databases.clone(postgres_server)
    yield url
    await databases.drop(postgres_server, url)


@pytest.fixture
async def amqp_url(broker_server: servers.Broker) -> AsyncIterator[str]:
    """A fresh virtual host."""
    url = await vhosts.make(broker_server)
    yield url
    await vhosts.remove(broker_server, url)
