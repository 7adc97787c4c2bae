"""Fixtures for every suite: real servers once a session, a fresh database and a fresh vhost for each test."""

import gc
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from tests import order
from tests.support import databases, servers, vhosts

# A shell that starts us in the background has SIGINT ignored, and what we start would inherit that: Ctrl-C would not
# end the commands whose end by Ctrl-C is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


# First, because xdist reads the units in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests into their units and the units into their order."""
    units = {item: order.unit_of(item.nodeid.partition("::")[0], item.name) for item in items}
    for item, unit in units.items():
        item.add_marker(pytest.mark.xdist_group(unit))
    items.sort(key=lambda item: (order.rank(units[item]), units[item]))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave thousands of tests and modules out of every later collection of garbage: a tenth of the time."""
    gc.collect()
    gc.freeze()


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
