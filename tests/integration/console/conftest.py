"""The console as it is built, on a real port, in front of two small real services."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI

from services.console.app import build_api
from services.console.settings import ConsoleSettings
from shared.clock import SystemClock
from tests.integration.console.services import Deployer, Registry
from tests.support.live_http import live

TOKEN = "a-token-for-these-tests"


def console(registry_url: str, deployer_url: str) -> FastAPI:
    """The console in front of these addresses."""
    settings = ConsoleSettings.model_validate(
        {"registry_url": registry_url, "deployer_url": deployer_url, "token": TOKEN}
    )
    return build_api(settings, SystemClock())


@pytest.fixture
def registry() -> Registry:
    """What the small registry has seen."""
    return Registry()


@pytest.fixture
def deployer() -> Deployer:
    """What the small deployer has seen."""
    return Deployer()


@pytest.fixture
def origin(registry: Registry, deployer: Deployer) -> Iterator[str]:
    """The origin's address, with both services up."""
    with live(registry.api) as one, live(deployer.api) as other, live(console(one, other)) as url:
        yield url


@pytest.fixture
async def operator(origin: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is signed in."""
    async with httpx.AsyncClient(base_url=origin, headers={"authorization": f"Bearer {TOKEN}"}, timeout=10) as client:
        yield client
