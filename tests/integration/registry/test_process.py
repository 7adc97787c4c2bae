"""The registry as a process: settings, migrations, start and end."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping

import httpx

from services.registry.settings import Settings
from tests.integration.registry.conftest import TOKEN, is_ready
from tests.support.waiting import until


async def start(arguments: list[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """`python -m services.registry` with these arguments and settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.registry",
        *arguments,
        env=inherited | dict(environment),
        stderr=asyncio.subprocess.PIPE,
    )


def environment(settings: Settings) -> dict[str, str]:
    """Settings as they are given to a process."""
    return {
        "CALLBOARD_AMQP_URL": settings.amqp_url,
        "CALLBOARD_DATABASE_URL": settings.database_url,
        "CALLBOARD_TOKEN": TOKEN,
        "CALLBOARD_HTTP_PORT": str(settings.http_port),
    }


async def test_it_migrates_runs_and_ends_at_sigterm(settings: Settings) -> None:
    """Compose would kill it in the middle of a batch, or an open event stream would hold it up."""
    migration = await start(["migrate"], environment(settings))
    assert await migration.wait() == 0
    process = await start([], environment(settings))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.http_port}") as api:
        await until(lambda: is_ready(api), "the process is ready")
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with api.stream("GET", "/api/v1/events", headers=headers, timeout=20) as stream:
            pieces = stream.aiter_text()
            assert "connected" in await anext(pieces)
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            last = "".join([piece async for piece in pieces])
    assert "stream.closed" in last
    _, said = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0, said.decode()
    assert b"Traceback" not in said
    assert time.monotonic() - asked < 10


async def test_bad_settings_are_named() -> None:
    """An operator would get a traceback for a typing error."""
    process = await start([], {"CALLBOARD_AMQP_URL": "http://wrong", "CALLBOARD_TOKEN": "short"})
    _, said = await process.communicate()
    assert process.returncode == 2
    for name in (b"CALLBOARD_AMQP_URL", b"CALLBOARD_DATABASE_URL", b"CALLBOARD_TOKEN"):
        assert name in said
    assert b"Traceback" not in said
