"""The real servers that tests run on: containers where there is an engine, private child processes where not.

Started once for a run (`shared_servers`). A server that cannot be had is an error, in CI as everywhere: no test is
skipped for the want of a broker or a database.
"""

import asyncio
import functools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx

from services.cli.embedded import EmbeddedPostgres, choose_broker
from tests.support.ports import free_port

RABBIT_IMAGE = "rabbitmq:4-management"
POSTGRES_IMAGE = "postgres:17-bookworm"


@dataclass(frozen=True)
class Broker:
    """A RabbitMQ: `amqp` without a vhost at its end, `management` the base of its HTTP API."""

    amqp: str
    management: str
    user: str
    password: str


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL whose user may create databases; `base` is the URL without a database name."""

    base: str


@functools.cache
def has_engine() -> bool:
    """Whether a container engine answers, with the images at hand; CALLBOARD_TEST_ENGINE=none says no."""
    if os.environ.get("CALLBOARD_TEST_ENGINE") == "none" or shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, timeout=30, check=False).returncode == 0


@contextmanager
def broker() -> Iterator[Broker]:
    """A RabbitMQ for the length of the context."""
    with _container_broker() if has_engine() else _child_broker() as server:
        yield server


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for the length of the context."""
    with _container_postgres() if has_engine() else _child_postgres() as server:
        yield server


def _prepare_testcontainers() -> None:
    # The reaper is an image of its own that a machine without a registry does not have; the contexts below end
    # every container, and `--rm` does the rest.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    # At the container's own address: the engine's proxy of a published port copies every byte once more.
    os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "bridge_ip")


@contextmanager
def _container(
    image: str, command: str, environment: dict[str, str], ports: tuple[int, ...]
) -> Iterator[tuple[str, list[int]]]:
    """A container for the length of the context; its address, and where these ports of it are there."""
    _prepare_testcontainers()
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image).with_exposed_ports(*ports).with_command(command)
    for name, value in environment.items():
        container.with_env(name, value)
    with container as running:
        yield running.get_container_host_ip(), [int(running.get_exposed_port(port)) for port in ports]


@contextmanager
def _container_broker() -> Iterator[Broker]:
    with _container(RABBIT_IMAGE, "rabbitmq-server", {}, (5672, 15672)) as (host, (amqp, management)):
        server = Broker(f"amqp://guest:guest@{host}:{amqp}", f"http://{host}:{management}", "guest", "guest")
        _wait(lambda: _broker_answers(server), "RabbitMQ's management API")
        yield server


def _broker_answers(server: Broker) -> None:
    path = "/api/health/checks/virtual-hosts"
    httpx.get(server.management + path, auth=(server.user, server.password), timeout=5).raise_for_status()


@contextmanager
def _container_postgres() -> Iterator[Postgres]:
    # Tests make and drop a database each; durability is what the fault tests are for, on servers of their own.
    command = "postgres -c fsync=off -c full_page_writes=off -c max_connections=500"
    environment = {"POSTGRES_USER": "callboard", "POSTGRES_PASSWORD": "callboard", "POSTGRES_DB": "callboard"}
    with _container(POSTGRES_IMAGE, command, environment, (5432,)) as (host, (port,)):
        server = Postgres(f"postgresql+asyncpg://callboard:callboard@{host}:{port}")
        _wait(lambda: asyncio.run(_postgres_answers(server)), "PostgreSQL")
        yield server


async def _postgres_answers(server: Postgres) -> None:
    url = f"{server.base}/callboard".replace("postgresql+asyncpg", "postgresql")
    await (await asyncpg.connect(url, timeout=5)).close()


def _wait(answers: Callable[[], None], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            answers()
            return
        except (OSError, httpx.HTTPError, asyncpg.PostgresError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not answer within {seconds:g} s: {error}") from error
            time.sleep(0.2)


@contextmanager
def _child_broker() -> Iterator[Broker]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callboard-rabbit-")))
        runner = stack.enter_context(asyncio.Runner())
        server = runner.run(choose_broker(home, ports=(free_port(), free_port())))
        runner.run(server.start())
        # Nothing of it is kept, and an orderly end takes ten seconds.
        stack.callback(lambda: runner.run(server.kill()))
        management = server.management
        assert management is not None
        yield Broker(server.url.removesuffix("/"), management.url, management.username, management.password)


@contextmanager
def _child_postgres() -> Iterator[Postgres]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callboard-postgres-")))
        server = EmbeddedPostgres(home, port=free_port(), fsync=False)
        runner = stack.enter_context(asyncio.Runner())
        runner.run(server.start())
        stack.callback(lambda: runner.run(server.stop()))
        yield Postgres(server.url.rsplit("/", 1)[0])
