"""An empty database for each test, cloned from a template that was migrated once.

A database whose test is over is emptied and given to the next one, which takes a tenth of the time that a new one
takes. One in which more than rows has changed is dropped.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from shared.db.migrations import migrate
from tests.support.servers import Postgres

TEMPLATE = "callboard_template"
_ALONE = """
select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"""
_TABLES = """
select format('%I.%I', schemaname, tablename) as name from pg_tables
where schemaname in ('registry', 'deployer') and tablename <> 'alembic_version'"""
# All that is not in the template by PostgreSQL itself, as far as a test may have changed it.
_SCHEMA = """
select md5(concat(
    (select string_agg(concat(attrelid::regclass, attname, atttypid, attnotnull), ',' order by attrelid, attnum)
     from pg_attribute where attrelid >= 16384),
    (select string_agg(concat(conrelid::regclass, conname, pg_get_constraintdef(oid)), ',' order by oid)
     from pg_constraint where oid >= 16384),
    (select string_agg(concat(tgrelid::regclass, tgname, tgenabled), ',' order by tgrelid::regclass::text, tgname)
     from pg_trigger where oid >= 16384 and not tgisinternal),
    (select string_agg(version_num, ',') from registry.alembic_version),
    (select string_agg(version_num, ',') from deployer.alembic_version)))"""
# Each service that keeps state: its package and its schema.
MIGRATED = (("services.registry", "registry"), ("services.deployer", "deployer"))


def make_template(server: Postgres) -> None:
    """Create the template and bring both schemas to their newest version."""
    asyncio.run(_make_template(server))


async def _make_template(server: Postgres) -> None:
    await _run(server, f'create database "{TEMPLATE}"')
    for package, schema in MIGRATED:
        await migrate(f"{server.base}/{TEMPLATE}", package, schema)


class Databases:
    """The databases of a run, one after the other."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._empty: list[str] = []
        self._schema: str | None = None

    async def take(self) -> str:
        """An empty, migrated database; its URL."""
        if self._schema is None:
            self._schema = await _schema(f"{self._server.base}/{TEMPLATE}")
        return self._empty.pop() if self._empty else await clone(self._server)

    async def give_back(self, url: str) -> None:
        """The test is over, whoever is still connected."""
        with suppress(asyncpg.PostgresError):
            if await _emptied(url) and await _schema(url) == self._schema:
                self._empty.append(url)
                return
        await drop(self._server, url)


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
    async with _connected(f"{server.base}/postgres") as connection:
        await connection.execute(statement)


async def _emptied(url: str) -> bool:
    async with _connected(url) as connection:
        await connection.execute(_ALONE)
        tables = await connection.fetch(_TABLES)
        # Without triggers: the audit log lets nobody delete, and foreign keys would ask for an order.
        await connection.execute("set session_replication_role = replica; set lock_timeout = '5s'")
        await connection.execute(";".join(f"delete from {table['name']}" for table in tables))
        return True


async def _schema(url: str) -> str:
    async with _connected(url) as connection:
        return str(await connection.fetchval(_SCHEMA))


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"), timeout=10)
    try:
        yield connection
    finally:
        await connection.close(timeout=10)
