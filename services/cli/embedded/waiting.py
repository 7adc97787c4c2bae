"""Waiting for a condition with a deadline, and the conditions that servers are waited for with.

Every probe answers yes or no: a connection that is refused, reset or too slow is a no. The wait ends early when
the process that is waited for has ended.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx

from services.cli.connection_file import Management
from services.cli.embedded.ports import LOOPBACK
from shared.tls import needed

Probe = Callable[[], Awaitable[bool]]

PROBE_SECONDS = 2.0
# Short enough not to show in a start of half a second, long enough to cost nothing.
_PAUSE_SECONDS = 0.05


async def until(probe: Probe, deadline_seconds: float, give_up: Callable[[], bool] = lambda: False) -> bool:
    """Ask until the probe says yes (True), or the deadline passes or `give_up` says so (False)."""
    deadline = time.monotonic() + deadline_seconds
    while time.monotonic() < deadline and not give_up():
        if await answered(probe):
            return True
        await asyncio.sleep(_PAUSE_SECONDS)
    return False


async def answered(probe: Probe) -> bool:
    """Ask once."""
    try:
        # Not wait_for: in Python 3.11 it loses a cancellation that comes in the moment in which the probe answers.
        async with asyncio.timeout(PROBE_SECONDS):
            return await probe()
    except (OSError, TimeoutError, EOFError, httpx.TransportError):
        return False


def port_accepts(port: int) -> Probe:
    """Somebody accepts TCP connections on this loopback port."""

    async def probe() -> bool:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.close()
        await writer.wait_closed()
        return True

    return probe


def http_answers(url: str, auth: tuple[str, str] | None = None) -> Probe:
    """GET of this URL gives 200."""

    async def probe() -> bool:
        async with httpx.AsyncClient(timeout=PROBE_SECONDS, trust_env=False, verify=needed(url)) as client:
            response = await client.get(url, auth=auth)
        return response.status_code == httpx.codes.OK

    return probe


async def broker_answers(login: Management, port: int) -> bool:
    """The console is asked first: only when it answers with our login has the server come up completely."""
    overview = http_answers(f"{login.url}/api/overview", (login.username, login.password))
    return await overview() and await amqp_greets(port)()


def amqp_greets(port: int) -> Probe:
    """An AMQP 0-9-1 server answers the protocol header with a method frame on channel 0 (Connection.Start)."""

    async def probe() -> bool:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            writer.write(b"AMQP\x00\x00\x09\x01")
            await writer.drain()
            return (await reader.readexactly(3)) == b"\x01\x00\x00"
        finally:
            writer.close()

    return probe
