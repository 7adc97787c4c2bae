"""`python -m services.console`: serve the one HTTP origin until SIGTERM. Settings come from the environment."""

import asyncio

import structlog

from services.console.settings import ConsoleSettings
from shared import logging
from shared.clock import SystemClock
from shared.http import serve
from shared.service import allow_many_files, hold_garbage, run_until_signal
from shared.settings import read_settings


async def _run(settings: ConsoleSettings) -> int:
    from services.console.app import build_api  # what is loaded from here on is not searched for garbage

    log = structlog.get_logger(__name__)
    api = build_api(settings, SystemClock())
    log.info("console_starting", host=settings.http_host, port=settings.http_port)
    host, port, certificate = settings.http_host, settings.http_port, settings.certificate
    return await run_until_signal({"http": lambda: serve(api, host, port, certificate)})


def main() -> int:
    """Run; gives the exit status."""
    hold_garbage()
    settings = read_settings(ConsoleSettings)
    logging.configure("console", settings.log_level, settings.log_format)
    # Every node that waits for orders over HTTP holds two sockets, one on either side.
    allow_many_files()
    return asyncio.run(_run(settings))


if __name__ == "__main__":
    raise SystemExit(main())
