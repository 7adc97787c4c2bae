"""`python -m services.registry [run|migrate]`: run the registry, or bring its schema to the newest version."""

import argparse
import asyncio
import sys

from services.registry.settings import MigrationSettings, Settings
from services.registry.store.postgres import SCHEMA
from shared import logging
from shared.db.migrations import migrate_now
from shared.service import allow_many_files, hold_garbage, run_until_signal
from shared.settings import read_settings


async def _run(settings: Settings) -> int:
    # A migration needs none of it, and every start of a stack waits for that.
    from services.registry.app import Registry

    registry = Registry(settings)
    try:
        return await run_until_signal(registry.jobs)
    finally:
        await registry.close()


def main() -> int:
    """The command line; the exit status."""
    hold_garbage()
    parser = argparse.ArgumentParser(prog="python -m services.registry", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("run", "migrate"), default="run")
    if parser.parse_args().command == "migrate":
        target = read_settings(MigrationSettings)
        logging.configure("registry", target.log_level, target.log_format)
        migrate_now(target.database_url, "services.registry", SCHEMA)
        return 0
    settings = read_settings(Settings)
    logging.configure("registry", settings.log_level, settings.log_format)
    # Every node that waits for orders over HTTP holds a socket.
    allow_many_files()
    return asyncio.run(_run(settings))


if __name__ == "__main__":
    sys.exit(main())
