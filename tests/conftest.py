"""Fixtures for every suite: real servers once a run, a fresh database and a fresh vhost for each test."""

import gc
import os
import signal
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import pytest
import structlog
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from shared.service import GARBAGE_THRESHOLDS
from tests import order, sides
from tests.support import servers, vhosts
from tests.support.shared_servers import SharedServers

if TYPE_CHECKING:
    # Loaded by the tests that want one: whoever hands the tests out, and waits, wants none.
    from tests.support.databases import Databases

# A shell that starts us in the background has SIGINT ignored, and what we start would inherit that: Ctrl-C would not
# end the commands whose end by Ctrl-C is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


_context = ssl.create_default_context


# Where httpx finds the world's authorities, if it is told nothing else.
_AUTHORITIES = {certifi.where(), os.environ.get("SSL_CERT_FILE", certifi.where())}


@cache
def _world(cafile: str) -> ssl.SSLContext:
    return _context(cafile=cafile)


def _shared_context(*given: Any, **named: Any) -> ssl.SSLContext:
    """The context of httpx's clients is made once: reading the world's authorities for each is a minute of the run."""
    if not given and named.keys() == {"cafile"} and named["cafile"] in _AUTHORITIES:
        return _world(named["cafile"])
    return _context(*given, **named)


ssl.create_default_context = _shared_context


# What is logged is shown with a test that fails, without structlog's own picture of an exception: with every local
# variable, it takes as long as many a test.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

SHARED = pytest.StashKey[SharedServers]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--filling`."""
    about = "the last side takes only what runs in virtual time, and only the processor time that the others leave"
    parser.addoption("--filling", action="store_true", help=about)


def pytest_configure(config: pytest.Config) -> None:
    """Take part in the servers of the run."""
    given = getattr(config, "workerinput", {}).get("shared_servers")
    folder = given or tempfile.mkdtemp(prefix="callboard-tests-")
    config.stash[SHARED] = SharedServers(Path(folder))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a side where they are."""
    node.workerinput["shared_servers"] = str(node.config.stash[SHARED].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of them; whoever began the run waits for their end."""
    shared = config.stash[SHARED]
    shared.release()
    if not hasattr(config, "workerinput"):
        shared.end()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Begin with another share of the tests on each side, when all of them are wanted."""
    side = getattr(session.config, "workerinput", None)
    if side is not None and session.config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        sides.load_share(side)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the units into their order."""
    units = {item: order.unit_of(item.nodeid) for item in items}
    items.sort(key=lambda item: (order.rank(units[item]), units[item], order.turn(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Keep each unit on one side."""
    return sides.Units(config, log)


# While modules and tests are loaded nothing of them is garbage.
gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Collect garbage as the services do, without thousands of tests and modules: a fifth of the time.

    A side gives way from now on and not before: nothing is handed out until every side has collected.
    """
    side = getattr(session.config, "workerinput", None)
    if side is not None and sides.gives_way(session.config, side):
        sides.give_way()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _last_look_for_garbage() -> Iterator[None]:
    """What was never closed or awaited, and has not been found by then, fails the last test of a side."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> servers.Postgres:
    """A PostgreSQL with a migrated template, the same for all sides."""
    return request.config.stash[SHARED].postgres()


@pytest.fixture(scope="session")
def broker_server(request: pytest.FixtureRequest) -> servers.Broker:
    """A RabbitMQ with its management API, the same for all sides."""
    return request.config.stash[SHARED].broker()


@pytest.fixture(scope="session")
def all_databases(postgres_server: servers.Postgres) -> "Databases":
    """The databases of the run."""
    from tests.support.databases import Databases

    return Databases(postgres_server)


@pytest.fixture
async def database_url(all_databases: "Databases") -> AsyncIterator[str]:
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
