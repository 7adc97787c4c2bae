"""Fixtures for every suite: real servers once a session, a fresh database and a fresh vhost for each test."""

import gc
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any

import certifi
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests import order
from tests.support import databases, servers, vhosts

# A shell that starts us in the background has SIGINT ignored, and what we start would inherit that: Ctrl-C would not
# end the commands whose end by Ctrl-C is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


_context = ssl.create_default_context


@cache
def _world() -> ssl.SSLContext:
    return _context(cafile=certifi.where())


def _shared_context(*given: Any, **named: Any) -> ssl.SSLContext:
    """The context of httpx's clients is made once: reading the world's authorities for each is a minute of the run."""
    return _world() if not given and named == {"cafile": certifi.where()} else _context(*given, **named)


ssl.create_default_context = _shared_context


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the units into their order."""
    units = {item: order.unit_of(item.nodeid) for item in items}
    items.sort(key=lambda item: (order.rank(units[item]), units[item], order.turn(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Keep each unit on one side."""
    return Units(config, log)


class Units(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands units out. (The groups of xdist 3.8 are written into the ids of tests, where pytest 9.2 has none of it.)"""

    def _split_scope(self, nodeid: str) -> str:
        return order.unit_of(nodeid)


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


@pytest.fixture(scope="session")
def all_databases(postgres_server: servers.Postgres) -> databases.Databases:
    """The databases of the run."""
    return databases.Databases(postgres_server)


@pytest.fixture
async def database_url(all_databases: databases.Databases) -> AsyncIterator[str]:
    """An empty, migrated database."""
    url = await all_databases.take()
    yield url
    await all_databases.give_back(url)


@pytest.fixture
async def amqp_url(broker_server: servers.Broker) -> AsyncIterator[str]:
    """A fresh virtual host."""
    url = await vhosts.make(broker_server)
    yield url
    await vhosts.remove(broker_server, url)
