"""The store in PostgreSQL: the ports of `domain/ports.py`, put together from the files of the aggregates."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.accounts import AccountGroup, FullReport, Removal, Written
from services.registry.domain.assignment_rows import AssignmentQuestion
from services.registry.domain.node import StoredNode
from services.registry.domain.ports import AccountKey, Unwritable
from services.registry.domain.views import (
    AccountPlace,
    AccountQuestion,
    AccountSummary,
    AccountView,
    AssignmentView,
    CauseView,
    ChangeView,
    CountView,
    NodeQuestion,
    NodeView,
)
from services.registry.store import account_queries, accounts, assignment_queries, changes, counts, nodes
from services.registry.store.assignments import PostgresAssignments
from shared.contracts.accounts import AccountChanged
from shared.contracts.contract import Contract
from shared.db import Database, Outbox

SCHEMA = "registry"
# SQLSTATE class 22: a number out of range, a malformed text. The statement is right, a value is not.
DATA_EXCEPTION = "22"

_UNSENT = text(f"select count(*) from (select 1 from {SCHEMA}.outbox limit :most) as waiting")
_PING = text("select 1")


class PostgresTransaction(PostgresAssignments):
    """A `Transaction` on one connection."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox) -> None:
        self._connection = connection
        self._outbox = outbox

    async def lock_nodes(self, node_ids: Iterable[str]) -> dict[str, StoredNode]:
        """The nodes, locked; missing ones are made."""
        return await nodes.lock(self._connection, node_ids)

    async def save_nodes(self, nodes_: Sequence[StoredNode], lease_seconds: float) -> None:
        """Write nodes and renew their leases."""
        await nodes.save(self._connection, nodes_, lease_seconds)

    async def renew_leases(self, node_ids: Iterable[str], lease_seconds: float) -> None:
        """Renew leases."""
        await nodes.renew(self._connection, node_ids, lease_seconds)

    async def hold_nodes(self, node_ids: Iterable[str], margin: timedelta) -> set[str]:
        """Hold nodes that have a lease."""
        return await nodes.hold(self._connection, node_ids, margin)

    async def expire_leases(self, most: int) -> list[StoredNode]:
        """Make nodes offline whose lease has ended."""
        return await nodes.expire(self._connection, most)

    async def nodes_after(self, node_id: str, most: int) -> list[StoredNode]:
        """The next nodes by id."""
        return await nodes.after(self._connection, node_id, most)

    async def write_accounts(self, groups: Sequence[AccountGroup]) -> Written:
        """Write account rows of higher origin."""
        return await accounts.write(self._connection, groups)

    async def remove_accounts(self, removals: Sequence[Removal]) -> list[AccountKey]:
        """Delete accounts that were let go."""
        return await accounts.remove(self._connection, removals)

    async def remove_unlisted(self, full: Sequence[FullReport]) -> list[AccountKey]:
        """Delete accounts that full reports do not list."""
        return await accounts.remove_unlisted(self._connection, full)

    async def known_accounts(self, keys: Iterable[AccountKey]) -> set[AccountKey]:
        """Which of these have a row."""
        return await accounts.known(self._connection, keys)

    async def add_changes(self, changes_: Sequence[AccountChanged]) -> None:
        """Put changes in the history."""
        await changes.add(self._connection, changes_)

    async def advance_changes(self, node_ids: Iterable[str]) -> Mapping[str, int]:
        """Raise `changes_through` where it can be."""
        return await changes.advance(self._connection, node_ids)

    async def prune_changes(self, keep: int, older_than: timedelta, most: int) -> int:
        """Delete old history."""
        return await changes.prune(self._connection, keep, older_than, most)

    async def count_accounts(self) -> int:
        """Keep the accounts' counters."""
        return await counts.take(self._connection)

    async def prune_counts(self, older_than: timedelta, most: int) -> int:
        """Delete counts of old hours."""
        return await counts.prune(self._connection, older_than, most)

    async def emit(self, messages: Iterable[Contract]) -> None:
        """Put messages in the outbox."""
        await self._outbox.add(self._connection, messages)

    async def unsent(self, most: int) -> int:
        """How many messages wait in the outbox."""
        return int((await self._connection.execute(_UNSENT, {"most": most})).scalar_one())


class PostgresStore:
    """`FleetStore` and `FleetReader` on one database."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresTransaction]:
        """A transaction."""
        try:
            async with self._database.begin() as connection:
                yield PostgresTransaction(connection, self._outbox)
        except DBAPIError as error:
            if (getattr(error.orig, "sqlstate", None) or "").startswith(DATA_EXCEPTION):
                reason = str(error.orig.__cause__ or error.orig) if error.orig else str(error)
                raise Unwritable(f"PostgreSQL cannot store it: {reason}") from error
            raise

    async def accounts(self, question: AccountQuestion, after: AccountPlace, limit: int) -> list[AccountView]:
        """A page of accounts."""
        async with self._database.begin() as connection:
            return await account_queries.page(connection, question, after, limit)

    async def account(self, account_id: str, node_id: str | None) -> AccountView | None:
        """One account."""
        async with self._database.begin() as connection:
            return await account_queries.one(connection, account_id, node_id)

    async def account_changes(self, account_id: str, node_id: str | None, limit: int) -> list[ChangeView]:
        """An account's history."""
        async with self._database.begin() as connection:
            return await changes.history(connection, account_id, node_id, limit)

    async def account_counts(self, account_id: str, node_id: str | None, limit: int) -> list[CountView]:
        """What an account heard and sent, by hours."""
        async with self._database.begin() as connection:
            return await counts.history(connection, account_id, node_id, limit)

    async def causes(self, most: int) -> list[CauseView]:
        """Why accounts are not well."""
        async with self._database.begin() as connection:
            return await account_queries.causes(connection, most)

    async def user_ids(self, most: int) -> list[int]:
        """The Telegram users of all accounts."""
        async with self._database.begin() as connection:
            return await account_queries.user_ids(connection, most)

    async def assignment_page(self, question: AssignmentQuestion, after: str, limit: int) -> list[AssignmentView]:
        """A page of assignments."""
        async with self._database.begin() as connection:
            return await assignment_queries.page(connection, question, after, limit)

    async def assignment(self, account_id: str) -> AssignmentView | None:
        """One assignment."""
        async with self._database.begin() as connection:
            return await assignment_queries.one(connection, account_id)

    async def summary(self) -> AccountSummary:
        """The fleet in numbers."""
        async with self._database.begin() as connection:
            return await account_queries.summary(connection)

    async def nodes(self, question: NodeQuestion, after: str, limit: int) -> list[NodeView]:
        """A page of nodes."""
        async with self._database.begin() as connection:
            return await nodes.views(connection, question, after, limit)

    async def node(self, node_id: str) -> NodeView | None:
        """One node."""
        async with self._database.begin() as connection:
            return await nodes.view(connection, node_id)

    async def ping(self) -> None:
        """Ask the database for an answer."""
        async with self._database.begin() as connection:
            await connection.execute(_PING)
