"""The OpenAPI document of every service, as its own `app.py` wires it, and the one that the console makes of them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from services.console.app import build_api
from services.console.settings import ConsoleSettings
from services.deployer.app import DeployerApp
from services.deployer.app import real_ports as deployer_ports
from services.deployer.settings import DeployerSettings
from services.registry.app import Registry
from services.registry.app import real_ports as registry_ports
from services.registry.settings import Settings as RegistrySettings
from services.telegram_sandbox.app import Sandbox
from services.telegram_sandbox.settings import SandboxSettings
from shared.audit.log import InMemoryAuditLog
from shared.clock import SystemClock
from shared.http.api import Api
from shared.randomness import SystemRandomness
from tests.support.live_http import live

TOKEN = "a-token-for-these-tests"
# Nothing of it is opened for a document.
NOWHERE = {"amqp_url": "amqp://nowhere", "database_url": "postgresql+asyncpg://nowhere", "token": TOKEN}


def registry_api() -> Api:
    """The registry's doors; nothing is behind them but an audit log."""
    settings = RegistrySettings.model_validate(NOWHERE)
    audit = InMemoryAuditLog("registry", SystemClock())
    return Registry(settings, replace(registry_ports(settings), audit=audit)).api


def deployer_api() -> Api:
    """The deployer's doors; nothing is behind them but an audit log."""
    more = {"secret": "secret-of-the-tests", "public_url": "http://nowhere"}
    settings = DeployerSettings.model_validate(NOWHERE | more)
    audit = InMemoryAuditLog("deployer", SystemClock())
    api = DeployerApp(settings, replace(deployer_ports(settings), audit=audit)).api
    assert isinstance(api, Api)
    return api


@cache
def registry_document() -> dict[str, Any]:
    """The registry's document; nobody may change it."""
    return registry_api().openapi()


@cache
def deployer_document() -> dict[str, Any]:
    """The deployer's document; nobody may change it."""
    return deployer_api().openapi()


@asynccontextmanager
async def sandbox_document(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """The document of a sandbox that runs."""
    sandbox = Sandbox(SandboxSettings(port=0, state_dir=folder), SystemClock(), SystemRandomness())
    await sandbox.start()
    try:
        yield sandbox.admin_api(SecretStr(TOKEN)).openapi()
    finally:
        await sandbox.stop()


@contextmanager
def origin() -> Iterator[str]:
    """The console in front of a registry and a deployer that have nothing behind them."""
    apis = registry_api(), deployer_api()
    # Made one after the other and kept: FastAPI silences a warning of pydantic's meanwhile, in all threads at once.
    for api in apis:
        api.openapi()
    with live(apis[0]) as registry, live(apis[1]) as deployer:
        values = {"registry_url": registry, "deployer_url": deployer, "token": TOKEN}
        with live(build_api(ConsoleSettings.model_validate(values), SystemClock())) as url:
            yield url


@cache
def merged_document() -> dict[str, Any]:
    """The document at the origin; nobody may change it."""
    with origin() as url:
        return dict(httpx.get(f"{url}/openapi.json").json())
