"""The real servers and services that a benchmark runs on: private child processes, durable as in production."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from services.cli.embedded import EmbeddedPostgres, choose_broker, free_port
from services.cli.embedded.broker import Broker

STOP_SECONDS = 15.0
TOKEN = "bench-token-of-this-run"  # noqa: S105 - for servers that end with the run


@dataclass(frozen=True)
class Servers:
    """A benchmark's broker and database."""

    broker: Broker
    postgres: EmbeddedPostgres
    lease_seconds: float

    @property
    def amqp_url(self) -> str:
        """For aio-pika."""
        return self.broker.url

    @property
    def database_url(self) -> str:
        """For SQLAlchemy."""
        return self.postgres.url

    @property
    def dsn(self) -> str:
        """For asyncpg."""
        return self.postgres.dsn

    async def broker_memory(self) -> float:
        """What the broker says that it uses, in MB."""
        console = self.broker.management
        if console is None:
            raise RuntimeError("the memory of a broker without its management console cannot be asked")
        async with httpx.AsyncClient(auth=(console.username, console.password), timeout=30) as client:
            answer = await client.get(f"{console.url}/api/nodes")
            answer.raise_for_status()
            return float(answer.json()[0]["mem_used"]) / 1e6

    def environment(self, port: int) -> dict[str, str]:
        """What a service of the run gets."""
        return os.environ | {
            "CALLBOARD_AMQP_URL": self.amqp_url,
            "CALLBOARD_DATABASE_URL": self.database_url,
            "CALLBOARD_TOKEN": TOKEN,
            "CALLBOARD_SECRET": TOKEN,
            "CALLBOARD_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "CALLBOARD_HTTP_PORT": str(port),
            "CALLBOARD_LOG_LEVEL": "WARNING",
            "CALLBOARD_LEASE_SECONDS": str(self.lease_seconds),
        }


@dataclass(frozen=True)
class Service:
    """A running service: the base of its HTTP API, and its process."""

    base: str
    pid: int

    def memory(self) -> float:
        """Resident, in MB."""
        return psutil.Process(self.pid).memory_info().rss / 1e6


@asynccontextmanager
async def servers(home: Path, *, lease_seconds: float = 300) -> AsyncIterator[Servers]:
    """A broker and a database for the length of the context."""
    rabbit = await choose_broker(home / "rabbitmq", ports=(free_port(), free_port()))
    async with EmbeddedPostgres(home / "postgres", port=free_port()) as postgres:
        try:
            await rabbit.start()
            yield Servers(rabbit, postgres, lease_seconds)
        finally:
            await rabbit.stop(STOP_SECONDS)


@asynccontextmanager
async def service(name: str, on: Servers, behind: Mapping[str, str] | None = None) -> AsyncIterator[Service]:
    """A ready service as a child process, migrated unless it has others `behind` it: their addresses by setting."""
    port = free_port()
    environment = on.environment(port) | dict(behind or {})
    if behind is None:
        migration = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"services.{name}", "migrate", env=environment
        )
        if await migration.wait() != 0:
            raise RuntimeError(f"the migrations of {name} failed")
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", f"services.{name}", env=environment)
    base = f"http://127.0.0.1:{port}"
    try:
        await _ready(base, process)
        yield Service(base, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def _ready(base: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(40):
        while process.returncode is None:
            try:
                if (await client.get(f"{base}/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            await asyncio.sleep(0.1)
    raise RuntimeError(f"the service at {base} ended with status {process.returncode}")
