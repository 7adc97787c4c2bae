"""The store in memory: the twin of `store.postgres` for tests without a database.

One transaction at a time; a failed one leaves nothing behind. Rows are frozen, so a copy of the tables is a snapshot.
`announced` holds what committed transactions have put into the outbox.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from services.deployer.store.in_memory_bindings import InMemoryBindings
from services.deployer.store.in_memory_deliveries import InMemoryDeliveries
from services.deployer.store.in_memory_deployments import InMemoryDeployments
from services.deployer.store.in_memory_desired import InMemoryDesired, InMemoryVerifiedBindings
from services.deployer.store.in_memory_keys import InMemoryKeys
from services.deployer.store.in_memory_nodes import InMemoryNodes
from services.deployer.store.in_memory_plans import InMemoryPlans
from services.deployer.store.in_memory_scripts import InMemoryScripts
from services.deployer.store.in_memory_servers import InMemoryServers
from services.deployer.store.in_memory_sessions import InMemorySealed, InMemorySessions, InMemorySignIns, InMemorySyncs
from services.deployer.store.in_memory_tables import Tables
from shared.contracts.contract import Contract


class InMemoryTransaction:
    """One transaction on a copy of the tables."""

    def __init__(self, tables: Tables) -> None:
        self.messages: list[Contract] = []
        self.scripts = InMemoryScripts(tables)
        self.nodes = InMemoryNodes(tables)
        self.deployments = InMemoryDeployments(tables)
        self.deliveries = InMemoryDeliveries(tables)
        self.plans = InMemoryPlans(tables)
        self.bindings = InMemoryBindings(tables)
        self.desired = InMemoryDesired(tables.desired, tables.nodes, tables.deliveries, tables.verified_bindings)
        self.verified_bindings = InMemoryVerifiedBindings(tables.verified_bindings)
        self.servers = InMemoryServers(tables)
        self.sessions = InMemorySessions(tables.vault)
        self.sign_ins = InMemorySignIns(tables.vault)
        self.syncs = InMemorySyncs(tables.vault)
        self.sealed = InMemorySealed(tables.vault, tables.logins, tables.keys)
        self.keys = InMemoryKeys(tables)

    async def announce(self, messages: Iterable[Contract]) -> None:
        """Put messages into the outbox."""
        self.messages += messages


class InMemoryStore:
    """Transactions in one process. `on_announced` is called as the real store calls it."""

    def __init__(self, on_announced: Callable[[], None] = lambda: None) -> None:
        self.announced: list[Contract] = []
        self._tables = Tables()
        self._one_at_a_time = asyncio.Lock()
        self._on_announced = on_announced

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[InMemoryTransaction]:
        """A new transaction."""
        async with self._one_at_a_time:
            tables = self._tables.copy()
            transaction = InMemoryTransaction(tables)
            yield transaction
            self._tables = tables
            self.announced += transaction.messages
        if transaction.messages:
            self._on_announced()
