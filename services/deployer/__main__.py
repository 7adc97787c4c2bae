"""`python -m services.deployer` runs the deployer; `python -m services.deployer migrate` migrates and ends."""

import argparse
import asyncio

from services.deployer.settings import DeployerSettings, MigrationSettings
from services.deployer.store.postgres import SCHEMA
from shared import logging
from shared.db.migrations import migrate_now
from shared.settings import read_settings


def main() -> int:
    """Parse, build, run; the exit status."""
    parser = argparse.ArgumentParser(prog="deployer", description=__doc__)
    parser.add_argument("action", nargs="?", choices=("run", "migrate"), default="run")
    if parser.parse_args().action == "migrate":
        to_migrate = read_settings(MigrationSettings)
        logging.configure("deployer", to_migrate.log_level, to_migrate.log_format)
        migrate_now(to_migrate.database_url, "services.deployer", SCHEMA)
        return 0
    # A migration needs none of it, and every start of a stack waits for that.
    from services.deployer.app import DeployerApp

    settings = read_settings(DeployerSettings)
    logging.configure("deployer", settings.log_level, settings.log_format)
    return asyncio.run(DeployerApp(settings).run())


if __name__ == "__main__":
    raise SystemExit(main())
