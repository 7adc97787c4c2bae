"""A back office with its doors open: registry and deployer on real servers, and the console before them."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from services.cli.app import build_app
from services.console.app import build_api
from services.console.settings import ConsoleSettings
from services.deployer.app import DeployerApp
from services.deployer.settings import DeployerSettings
from services.registry.app import Registry
from services.registry.settings import Settings
from shared.clock import SystemClock
from shared.db import Database, new_engine
from shared.http import serve
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.waiting import until

TOKEN = "a-token-for-these-tests"
SECRET = "planted-a-secret-for-servers"


@dataclass
class Office:
    """What is open: its address, and a way to its database. `trust` is for clients in a test."""

    url: str
    database: Database
    trust: ssl.SSLContext | bool = True

    async def callboard(self, *words: str, token: str = TOKEN, **environment: str) -> Result:
        """Run the command line; it blocks, so in a thread."""
        environment = {"CALLBOARD_URL": self.url, "CALLBOARD_TOKEN": token, **environment}
        return await asyncio.to_thread(CliRunner().invoke, build_app(), list(words), env=environment)

    async def made(self, name: str, role: str, *more: str) -> str:
        """A new token."""
        made = await self.callboard("--json", "tokens", "create", name, "--role", role, *more)
        assert made.exit_code == 0, made.output
        return str(json.loads(made.stdout)["token"])

    async def answers(self, path: str) -> bool:
        """Whether the service of this path is there."""
        try:
            return (await self.ask(TOKEN, "GET", path)).status_code < 500
        except httpx.ConnectError:
            return False

    async def ask(self, token: str, method: str, path: str, **more: Any) -> httpx.Response:
        """One request at the origin."""
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20, verify=self.trust) as client:
            return await client.request(method, path, **more)


@asynccontextmanager
async def open_office(
    amqp_url: str, database_url: str, authority: Authority | None = None, *, at_work: bool = False
) -> AsyncIterator[Office]:
    """Open until the end of the context; with an authority, every door speaks TLS.

    The services' jobs run only when the office is `at_work`: most questions need none.
    """
    ports = [free_port() for _ in range(3)]
    scheme = "http" if authority is None else "https"
    addresses = [f"{scheme}://127.0.0.1:{port}" for port in ports]
    tls: dict[str, Any] = {}
    if authority is not None:
        files = authority.certificate("office")
        tls = {"http_certificate_file": files.certificate, "http_key_file": files.key}
    common = {"amqp_url": amqp_url, "database_url": database_url, "token": TOKEN, **tls}
    registry = Registry(Settings.model_validate({**common, "http_port": ports[0]}))
    more = {"secret": SECRET, "public_url": "http://nowhere", "http_port": ports[1]}
    deployer = DeployerApp(DeployerSettings.model_validate({**common, **more}))
    ca_file = authority.file if authority else None
    behind = {"registry_url": addresses[0], "deployer_url": addresses[1], "token": TOKEN, "ca_file": ca_file, **tls}
    settings = ConsoleSettings.model_validate(behind)
    console = partial(serve, build_api(settings, SystemClock()), "127.0.0.1", ports[2], settings.certificate)
    database = Database(new_engine(database_url, application="test"))
    trust = ssl.create_default_context(cafile=authority.file) if authority else True
    # The command line writes to the same stdout as the services here.
    with capture_logs():
        jobs = [*registry.jobs.items(), *deployer.jobs.items()]
        running = [job for name, job in jobs if at_work or name == "http"]
        doors = [asyncio.create_task(job()) for job in running] + [asyncio.create_task(console())]
        found = Office(addresses[2], database, trust)
        try:
            for path in ("/health/ready",) if at_work else ("/api/v1/whoami", "/api/v1/audit/deployer"):
                await until(partial(found.answers, path), "the services answer")
            yield found
        finally:
            for door in doors:
                door.cancel()
            await asyncio.gather(*doors, return_exceptions=True)
            for service in (registry, deployer, database):
                await service.close()
