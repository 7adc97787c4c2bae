"""What the tests of a RabbitMQ route need of the machine.

The machine's own server is installed where that is possible, as `callboard up` would. A route that a machine cannot
have at all (no container engine; no server and no right to install one) is left out there and said in the header of
the run; in CI (`CI` is set) nothing is ever left out.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.embedded.rabbitmq import find_rabbitmq_server
from services.cli.embedded.rabbitmq_package import apt_is_there, install_rabbitmq_server
from tests.support.servers import has_engine


def missing_routes() -> set[str]:
    """The test files whose route this machine cannot have."""
    missing = set()
    if not has_engine():
        missing.add("test_rabbitmq_container.py")
    if find_rabbitmq_server() is None and not apt_is_there():
        missing.add("test_rabbitmq.py")
    return set() if os.environ.get("CI") else missing


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what cannot be had."""
    return True if collection_path.name in missing_routes() else None


def pytest_report_header() -> list[str]:
    """Say what is left out."""
    return [f"left out on this machine: {name}" for name in sorted(missing_routes())]


@pytest.fixture(scope="session", autouse=True)
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The machine's server, installed if it is not there."""
    if find_rabbitmq_server() is None and apt_is_there():
        asyncio.run(install_rabbitmq_server(tmp_path_factory.mktemp("apt"), print))
    yield
