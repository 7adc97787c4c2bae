"""The engine and the transaction, the only two ways to PostgreSQL.

Stores get a `Database` and open transactions with `begin`. When the server is away, restarting or out of
connections, a transaction raises `Unavailable`, which the handling policy and the jobs take as "wait and try
again"; every other database error is a bug and stays what it is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.messaging.handling import Unavailable
from shared.tls import database_tls

# A statement of ours takes milliseconds; a minute means that something holds a lock for good.
COMMAND_TIMEOUT = 30.0
CONNECT_TIMEOUT = 5.0
POOL_TIMEOUT = 10.0

# SQLSTATE classes that go away by themselves: 08 connection, 53 resources, 57 operator intervention (shutdown),
# 40 rollback (deadlock, serialisation).
PASSING = ("08", "53", "57", "40")


def new_engine(url: str, *, application: str, pool_size: int = 5) -> AsyncEngine:
    """An engine whose sessions are called `callboard <application>` in pg_stat_activity. Raises ValueError."""
    plain, tls = database_tls(url)
    return create_async_engine(
        plain,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
        pool_pre_ping=False,
        # An error's text goes into logs and dead letters; what was to be written, which may be a whole batch, does not.
        hide_parameters=True,
        connect_args=tls
        | {
            "timeout": CONNECT_TIMEOUT,
            "command_timeout": COMMAND_TIMEOUT,
            "server_settings": {"application_name": f"callboard {application}", "timezone": "UTC"},
        },
    )


class Database:
    """Transactions on one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @property
    def engine(self) -> AsyncEngine:
        """The engine, for whoever needs a connection outside a transaction."""
        return self._engine

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end, rolled back on an exception. Raises Unavailable."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except (OSError, TimeoutError, PoolTimeout, asyncpg.InterfaceError) as error:
            raise Unavailable(f"PostgreSQL: {type(error).__name__}: {error}") from error
        except DBAPIError as error:
            if _passes(error):
                raise Unavailable(f"PostgreSQL: {error.orig}") from error
            raise

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def _passes(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or ""
    lost = error.connection_invalidated or (isinstance(error, (InterfaceError, OperationalError)) and not state)
    return lost or state.startswith(PASSING)
