"""Uvicorn as one task among a service's others: signals are the service's business, not the server's."""

import asyncio
import contextlib
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(api: ASGIApp, host: str, port: int) -> None:
    """Serve until cancelled, then finish the requests in work within two seconds. Raises OSError for a taken port."""
    server = _Server(
        uvicorn.Config(
            api, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=2, lifespan="on"
        )
    )
    task = asyncio.create_task(server.serve(), name="http")
    try:
        await asyncio.shield(task)
    except SystemExit as error:
        raise OSError(f"cannot listen on {host}:{port}: is the port taken?") from error
    except asyncio.CancelledError:
        server.should_exit = True
        await asyncio.wait({task}, timeout=5)
        raise
