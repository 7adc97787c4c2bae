"""A fresh database for each test, cloned from a template that was migrated once."""

import asyncio
import secrets

import asyncpg

from shared.db.migrations import migrate
from tests.support.servers import Postgres

TEMPLATE = "callboard_template"
# Each service that keeps state: its package and its schema.
MIGRATED = (("services.registry", "registry"), ("services.deployer", "deployer"))


def make_template(server: Postgres) -> None:
    """Create the template and bring both schemas to their newest version."""
    asyncio.run(_make_template(server))


async def _make_template(server: Postgres) -> None:
    await _run(server, f'create database "{TEMPLATE}"')
    for package, schema in MIGRATED:
        await migrate(f"{server.base}/{TEMPLATE}", package, schema)


async def clone(server: Postgres) -> str:
    """A new database; its URL."""
    name = f"test_{secrets.token_hex(6)}"
    await _run(server, f'create database "{name}" template "{TEMPLATE}" strategy file_copy')
    return f"{server.base}/{name}"


async def copy(server: Postgres, url: str) -> str:
    """A copy of a database that nobody is connected to, as a backup is one; its URL."""
    name = f"test_{secrets.token_hex(6)}"
    await _run(server, f'create database "{name}" template "{url.rsplit("/", 1)[1]}" strategy file_copy')
    return f"{server.base}/{name}"


async def drop(server: Postgres, url: str) -> None:
    """Drop a database, whoever is still connected."""
    await _run(server, f'drop database "{url.rsplit("/", 1)[1]}" with (force)')


async def _run(server: Postgres, statement: str) -> None:
    url = f"{server.base}/postgres".replace("postgresql+asyncpg", "postgresql")
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close(timeout=10)
