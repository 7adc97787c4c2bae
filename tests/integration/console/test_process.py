"""The console as a process: it starts, and it ends when it is told to."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx

from tests.integration.console.conftest import TOKEN
from tests.integration.console.services import Registry
from tests.support.live_http import free_url, live
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]


async def start(**settings: str) -> asyncio.subprocess.Process:
    """`python -m services.console` with these settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.console",
        cwd=ROOT,
        env=environment | {f"CALLBOARD_{name.upper()}": value for name, value in settings.items()},
        stderr=asyncio.subprocess.PIPE,
    )


async def answers(client: httpx.AsyncClient) -> bool:
    """Whether the console listens."""
    try:
        return (await client.get("/health/live")).is_success
    except httpx.ConnectError:
        return False


async def test_it_ends_although_somebody_watches(registry: Registry) -> None:
    """An event stream has no end of its own: a console that waits for it is killed, and with it every request."""
    url = free_url()
    with live(registry.api) as upstream:
        port = url.rsplit(":", 1)[1]
        process = await start(token=TOKEN, registry_url=upstream, http_port=port)
        async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}) as client:
            await until(lambda: answers(client), "the console listens")
            async with client.stream("GET", "/api/v1/events") as stream:
                await anext(stream.aiter_raw())
                process.send_signal(signal.SIGTERM)
                _, errors = await asyncio.wait_for(process.communicate(), 8)
    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert TOKEN.encode() not in errors


async def test_bad_settings_are_sentences() -> None:
    """A missing token must be said in the words of the settings, before anything listens."""
    process = await start(registry_url="registry:8081")
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert b"CALLBOARD_TOKEN" in errors
    assert b"CALLBOARD_REGISTRY_URL" in errors
    assert b"Traceback" not in errors
