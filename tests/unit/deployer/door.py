"""The HTTP doors of the deployer over its use cases in memory."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from services.deployer.api.dead_letters import dead_letters_router
from services.deployer.api.deployments import deployments_router
from services.deployer.api.downloads import downloads_router
from services.deployer.api.script_source import EXAMPLE
from services.deployer.api.scripts import scripts_router
from services.deployer.api.steering import steering_router
from services.deployer.domain.dead_letters import DeadLetter
from services.deployer.downloads import SignedDownloads
from services.deployer.use_cases.browse import BrowseScripts
from services.deployer.use_cases.store_script import StoreScript
from shared.http import create_api
from shared.messaging import Unavailable
from tests.support.behind import Behind, StandIn
from tests.unit.deployer.stand import Stand

TOKEN = "token-of-the-tests"
SCRIPTS = "/api/v1/group-ai/scripts"
DEPLOY = "/api/v1/group-ai/script-deployment/deploy/greeter"
DEPLOYMENTS = "/api/v1/group-ai/script-deployment/deployments"
LETTERS = "/api/v1/dead-letters"
YAML = {"content-type": "application/yaml"}
LETTER_ID = "dl_" + "0" * 32


class Letters:
    """Dead letters that answer what a test wants."""

    def __init__(self) -> None:
        self.letter = DeadLetter(LETTER_ID, "q", "x", "k", "because", "2026-01-01", "node.delivery.v1", "{}", "utf-8")
        self.outcome: Any = self.letter

    async def listed(self, limit: int) -> list[DeadLetter]:
        """One letter."""
        return [self._answer(self.letter)][:limit]

    async def one(self, letter_id: str) -> Any:
        """The outcome."""
        return self._answer(self.outcome)

    async def replay(self, letter_id: str) -> Any:
        """The outcome."""
        return self._answer(self.outcome)

    async def drop(self, letter_id: str) -> Any:
        """The outcome."""
        return self._answer(self.outcome)

    def _answer(self, outcome: Any) -> Any:
        if isinstance(self.outcome, Unavailable):
            raise self.outcome
        return outcome


class Door:
    """The API on a stand."""

    def __init__(self, stand: Stand, http: httpx.AsyncClient, downloads: SignedDownloads, letters: Letters) -> None:
        self.stand = stand
        self.http = http
        self.downloads = downloads
        self.letters = letters

    async def push(self, source: str = EXAMPLE) -> httpx.Response:
        """Push a script as YAML."""
        return await self.http.post(SCRIPTS, content=source.encode(), headers=YAML)

    async def refused(self, body: Any) -> dict[str, Any]:
        """The problem details of an order that is not valid."""
        response = await self.http.post(DEPLOY, json=body)
        assert response.status_code == 422, response.text
        return dict(response.json())


@dataclass(frozen=True)
class _Rooms:
    """What is behind a door."""

    stand: Stand
    downloads: SignedDownloads
    letters: Letters
    scripts: BrowseScripts
    store_script: StoreScript


@cache
def _api() -> FastAPI:
    async def ready() -> Sequence[str]:
        return []

    scripts: Any = StandIn(lambda rooms: rooms.scripts)
    desk: Any = StandIn(lambda rooms: rooms.stand.desk)
    return create_api(
        "test",
        version="0",
        token=SecretStr(TOKEN),
        routers=[
            scripts_router(cast(Any, StandIn(lambda rooms: rooms.store_script)), scripts),
            deployments_router(desk),
            steering_router(desk),
            dead_letters_router(cast(Any, StandIn(lambda rooms: rooms.letters))),
        ],
        open_routers=[downloads_router(cast(Any, StandIn(lambda rooms: rooms.downloads)), scripts)],
        ready=ready,
    )


@asynccontextmanager
async def open_door() -> AsyncIterator[Door]:
    """The doors over an in-memory deployer that knows nodes `demo-a` and `demo-b`."""
    stand = Stand()
    await stand.see("demo-a", "demo-b")
    downloads = SignedDownloads(SecretStr("secret-of-the-tests"), "http://door")
    letters = Letters()
    rooms = _Rooms(stand, downloads, letters, BrowseScripts(stand.store), StoreScript(stand.store, stand.clock))
    transport = httpx.ASGITransport(Behind(_api(), rooms))
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://door", headers=headers) as http:
        yield Door(stand, http, downloads, letters)
