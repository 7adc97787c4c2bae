"""A whole back office in this process, on a real broker and database: registry, deployer, and the console that can go.

Clients and nodes meet it at the console's address, as they do in the field.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from services.console.app import build_api
from services.console.settings import ConsoleSettings
from services.node_agent.domain.membership import Membership
from services.registry.settings import Settings
from shared.clock import SystemClock
from shared.http import serve
from tests.integration.deployer import running
from tests.integration.registry.conftest import running_registry
from tests.support.joining import enrolled
from tests.support.ports import free_port
from tests.support.waiting import until

TOKEN = running.TOKEN
LEASE_SECONDS = 6.0


class BackOffice:
    """See the module's docstring; `http` is an operator's client."""

    def __init__(self, port: int, registry_port: int, deployer: running.Deployer, deployer_port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.deployer = deployer
        self.http = deployer.http
        self._port = port
        self._settings = ConsoleSettings(
            token=SecretStr(TOKEN),
            registry_url=f"http://127.0.0.1:{registry_port}",
            deployer_url=f"http://127.0.0.1:{deployer_port}",
        )
        self._console: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, amqp_url: str, database_url: str, management_url: str) -> AsyncIterator["BackOffice"]:
        """Everything, running."""
        port = free_port()
        registry = Settings(
            amqp_url=amqp_url,
            management_url=management_url,
            database_url=database_url,
            token=SecretStr(TOKEN),
            http_port=free_port(),
            lease_seconds=LEASE_SECONDS,
            sweep_seconds=0.2,
            verdict_margin_seconds=0.5,
        )
        given = running.settings(
            database_url, amqp_url, public_url=f"http://127.0.0.1:{port}", lease_seconds=LEASE_SECONDS
        )
        office = cls(port, registry.http_port, running.Deployer(given), given.http_port)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(running_registry(registry))
            await office.open_console()
            stack.push_async_callback(office.close_console)
            await stack.enter_async_context(office.deployer.up())
            yield office

    async def enrolled(self, node_id: str, state_dir: Path) -> Membership:
        """A machine that has joined as this node."""
        return await asyncio.to_thread(enrolled, self.url, TOKEN, node_id, state_dir)

    async def open_console(self) -> None:
        """Serve the origin."""
        api = build_api(self._settings, SystemClock())
        self._console = asyncio.create_task(serve(api, "127.0.0.1", self._port))
        await until(self._answers, "the console answers")

    async def close_console(self) -> None:
        """Take the origin away."""
        if self._console is not None:
            self._console.cancel()
            await asyncio.gather(self._console, return_exceptions=True)
            self._console = None

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON at a path, which must be there."""
        response = await self.http.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def statuses(self, node_id: str) -> dict[str, str]:
        """The accounts of a node and how they are shown."""
        rows = await self.get("/api/v1/group-ai/accounts", node_id=node_id)
        return {row["account_id"]: row["status"] for row in rows["items"]}

    async def _answers(self) -> bool:
        try:
            return (await self.http.get("/health/live")).status_code == 200
        except httpx.TransportError:
            return False
