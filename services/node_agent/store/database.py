"""The ledger's SQLite database: one connection, one transaction at a time, durable when it commits.

WAL with `synchronous=FULL`: a commit survives the loss of power. `FileConnection` works in aiosqlite's thread;
`InlineConnection` runs the same SQL in the event loop, on a database in memory, for tests in virtual time. SQLite's
own errors become `LedgerAway`, with what the operator can look at.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import aiosqlite

from services.node_agent.domain.ports import LedgerAway

Row = tuple[Any, ...]

_PRAGMAS = (
    "pragma journal_mode = wal",
    "pragma synchronous = full",
    "pragma foreign_keys = on",
    "pragma busy_timeout = 5000",
)

_SCHEMA = (
    """create table if not exists identity (
        ledger_id text not null, boot integer not null, last_change integer not null)""",
    """create table if not exists accounts (
        account_id text primary key, session_file text not null, status text not null, reason text,
        message_count integer not null, reply_count integer not null, last_activity text,
        user_id integer, dead_file text)""",
    "create table if not exists uncertain (account_id text primary key, messages integer not null) without rowid",
    "create table if not exists changes (number integer primary key, body text not null)",
    """create table if not exists seen (
        account_id text not null, chat_id integer not null, message_id integer not null, at text not null,
        primary key (account_id, chat_id)) without rowid""",
    """create table if not exists conversations (
        account_id text not null, chat text not null, sender_id integer not null, script_id text not null,
        body text not null, primary key (account_id, chat, sender_id)) without rowid""",
    """create table if not exists memories (
        account_id text primary key, script_id text not null, body text not null) without rowid""",
    """create table if not exists sends (
        number integer primary key, account_id text not null, script_id text not null, chat text not null,
        text text, emoji text, message_id integer, random_id integer not null,
        queued_at real not null, attempted_at real, said_at real)""",
    "create index if not exists sends_of_account on sends (account_id)",
    "create index if not exists sends_said on sends (said_at) where said_at is not null",
    """create table if not exists silences (
        account_id text primary key, until real not null, status text not null, reason text not null) without rowid""",
    """create table if not exists deliveries (
        arrival integer primary key autoincrement, delivery_id text not null unique, body text not null,
        outcome text not null, tests_passed integer not null default 0, cause text, reason text)""",
    """create table if not exists forgotten (
        arrival integer primary key autoincrement, delivery_id text not null unique)""",
    "create index if not exists deliveries_received on deliveries (arrival) where outcome = 'received'",
    """create table if not exists artifacts (
        script_id text primary key, body text not null, delivery_id text not null, issued_at text not null)""",
    """create table if not exists removals (
        script_id text primary key, body text not null, delivery_id text not null, issued_at text not null)""",
    """create table if not exists newest_orders (
        script_id text primary key, delivery_id text not null, issued_at text not null) without rowid""",
    "create table if not exists bindings (account_id text primary key, script_id text not null)",
    """create table if not exists outbox (
        position integer primary key autoincrement, message_id text not null unique,
        delivery_id text not null unique, body text not null)""",
    """create table if not exists handed_back (
        account_id text not null, epoch integer not null, boot integer not null, number integer not null,
        hash text not null, size integer not null, final integer not null, at text not null, sealed blob,
        primary key (account_id, epoch))""",
    """create table if not exists sync_orders (
        account_id text not null, epoch integer not null, sync_id text not null,
        primary key (account_id, epoch)) without rowid""",
    "create table if not exists watch (connected integer not null)",
    "create table if not exists sign_ins (login_id text primary key, number integer not null, hash text, "
    "body text not null)",
)


class Connection(Protocol):
    """Statements, one after the other."""

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement; its rows."""
        ...

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of parameters."""
        ...

    async def close(self) -> None:
        """Close; nothing can be run after it."""
        ...


class FileConnection:
    """A database file, worked on in a thread of its own."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the file, readable by its owner only. Raises LedgerAway."""
        try:
            await asyncio.to_thread(path.touch, mode=0o600)
            return cls(await aiosqlite.connect(path, isolation_level=None))
        except (OSError, sqlite3.Error) as error:
            raise LedgerAway(f"{path} cannot be opened: {error}") from error

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement in the thread."""
        async with self._connection.execute(sql, parameters) as cursor:
            return [tuple(row) for row in await cursor.fetchall()]

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row, all of them in one go of the thread."""
        async with self._connection.executemany(sql, rows):
            pass

    async def close(self) -> None:
        """Close the file and end the thread."""
        await self._connection.close()


class InlineConnection:
    """A database in memory, worked on at once; gone when it is closed."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement without giving way to other tasks."""
        return self._connection.execute(sql, parameters).fetchall()

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row."""
        self._connection.executemany(sql, rows)

    async def close(self) -> None:
        """Forget everything."""
        self._connection.close()


class Database:
    """Transactions on a connection. `prepare` comes first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._one_at_a_time = asyncio.Lock()

    async def prepare(self) -> None:
        """Set the connection up and make the tables that are missing. Raises LedgerAway."""
        try:
            for statement in _PRAGMAS:
                await self._connection.execute(statement)
        except sqlite3.Error as error:
            raise LedgerAway(f"the ledger cannot be used: {error}") from error
        async with self.transaction() as connection:
            for statement in _SCHEMA:
                await connection.execute(statement)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Everything inside, or nothing. Raises LedgerAway for an error of SQLite."""
        async with self._one_at_a_time:
            try:
                try:
                    await self._connection.execute("begin immediate")
                    yield self._connection
                    await self._connection.execute("commit")
                except BaseException:
                    # The thread finishes what was cancelled while it ran: a begin leaves something to roll back,
                    # a commit does not.
                    with contextlib.suppress(sqlite3.OperationalError):
                        await self._connection.execute("rollback")
                    raise
            except sqlite3.Error as error:
                raise LedgerAway(f"the ledger refuses ({error}): look at the disk under the state directory") from error

    async def close(self) -> None:
        """Wait for the transaction in work, then close."""
        async with self._one_at_a_time:
            await self._connection.close()
