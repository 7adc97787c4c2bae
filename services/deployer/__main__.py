"""`python -m services.deployer [run|migrate]`: run the deployer, or bring its schema to the newest version."""

import argparse
import asyncio
import sys

from services.deployer.settings import DeployerSettings, MigrationSettings
from services.deployer.store.postgres import SCHEMA
from shared import logging
from shared.db.migrations import migrate_now
from shared.service import hold_garbage, run_until_signal
from shared.settings import read_settings


async def _run(settings: DeployerSettings) -> int:
    # A migration needs none of it, and every start of a stack waits for that.
    from services.deployer.app import DeployerApp

    deployer = DeployerApp(settings)
    try:
        return await run_until_signal(deployer.jobs)
    finally:
        await deployer.close()


def main() -> int:
    """The command line; the exit status."""
    hold_garbage()
    parser = argparse.ArgumentParser(prog="python -m services.deployer", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("run", "migrate"), default="run")
    if parser.parse_args().command == "migrate":
        target = read_settings(MigrationSettings)
        logging.configure("deployer", target.log_level, target.log_format)
        migrate_now(target.database_url, "services.deployer", SCHEMA)
        return 0
    settings = read_settings(DeployerSettings)
    logging.configure("deployer", settings.log_level, settings.log_format)
    return asyncio.run(_run(settings))


if __name__ == "__main__":
    sys.exit(main())
