"""Alembic, run by code: each service has its own schema, its own versions and its own version table.

`migrate` is what `python -m services.<name> migrate` and the tests' template database call. Migrations take a lock
with a time-out instead of queueing behind the running service, and several replicas may try at once: an advisory
lock lets one through.
"""

import asyncio
from importlib.resources import files
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.tls import database_tls

LOCK_TIMEOUT = "10s"
MIGRATION_LOCK = 0x0CA11B0A


async def migrate(url: str, package: str, schema: str) -> None:
    """Bring `schema` to the newest version in `<package>/migrations`. Raises OSError if nobody answers."""
    plain, tls = database_tls(url)
    engine = create_async_engine(plain, poolclass=NullPool, connect_args=tls)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"set local lock_timeout = '{LOCK_TIMEOUT}'"))
            await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            await connection.execute(text(f"create schema if not exists {schema}"))
            await connection.run_sync(_upgrade, package, schema)
    finally:
        await engine.dispose()


def migrate_now(url: str, package: str, schema: str) -> None:
    """`migrate`, for a `__main__`."""
    asyncio.run(migrate(url, package, schema))


def _upgrade(connection: Connection, package: str, schema: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(str(files(package))) / "migrations"))
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    command.upgrade(config, "head")


def run_env() -> None:
    """What each service's `migrations/env.py` calls: run in the connection that `migrate` opened."""
    schema = context.config.attributes["schema"]
    context.configure(
        connection=context.config.attributes["connection"],
        version_table_schema=schema,
        target_metadata=None,
    )
    with context.begin_transaction():
        context.run_migrations()
