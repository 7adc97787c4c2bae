"""The store in PostgreSQL, schema `deployer`: one object for each aggregate, all in one transaction.

A failed transaction leaves nothing behind. Raises Unavailable when the database is away.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.store.bindings import PostgresBindings
from services.deployer.store.deliveries import PostgresDeliveries
from services.deployer.store.deployments import PostgresDeployments
from services.deployer.store.desired import PostgresDesired
from services.deployer.store.keys import PostgresKeys
from services.deployer.store.nodes import PostgresNodes
from services.deployer.store.plans import PostgresPlans
from services.deployer.store.scripts import PostgresScripts
from services.deployer.store.sealed import PostgresSealed
from services.deployer.store.servers import PostgresServers
from services.deployer.store.sessions import PostgresSessions
from services.deployer.store.sign_ins import PostgresSignIns
from services.deployer.store.syncs import PostgresSyncs
from services.deployer.store.verified_bindings import PostgresVerifiedBindings
from shared.contracts.contract import Contract
from shared.db import Database, Outbox

SCHEMA = "deployer"


class PostgresTransaction:
    """One transaction on one connection."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox) -> None:
        self._connection = connection
        self._outbox = outbox
        self.announced = False
        self.scripts = PostgresScripts(connection)
        self.nodes = PostgresNodes(connection)
        self.deployments = PostgresDeployments(connection)
        self.deliveries = PostgresDeliveries(connection)
        self.plans = PostgresPlans(connection)
        self.bindings = PostgresBindings(connection)
        self.desired = PostgresDesired(connection)
        self.verified_bindings = PostgresVerifiedBindings(connection)
        self.servers = PostgresServers(connection)
        self.sessions = PostgresSessions(connection)
        self.sign_ins = PostgresSignIns(connection)
        self.syncs = PostgresSyncs(connection)
        self.sealed = PostgresSealed(connection)
        self.keys = PostgresKeys(connection)

    async def announce(self, messages: Iterable[Contract]) -> None:
        """Put messages into the outbox."""
        self.announced = True
        await self._outbox.add(self._connection, messages)


class PostgresStore:
    """Transactions on one database. `on_announced` is called after a commit that put messages into the outbox."""

    def __init__(self, database: Database, outbox: Outbox, on_announced: Callable[[], None]) -> None:
        self._database = database
        self._outbox = outbox
        self._on_announced = on_announced

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresTransaction]:
        """A new transaction. Raises Unavailable."""
        async with self._database.begin() as connection:
            transaction = PostgresTransaction(connection, self._outbox)
            yield transaction
        if transaction.announced:
            self._on_announced()
