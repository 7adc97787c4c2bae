"""What the use cases need of the store: a transaction over all rows.

Each table has a port of its own (`*_rows.py`, or beside the rules of its rows: `sessions.py`, `servers.py`).
`store.postgres` and `store.in_memory` implement all of them under one contract suite. Everything is read and written
in sets: a use case costs a constant number of statements, whatever the size of its batch. Every method of a store
raises Unavailable when the database is away.
"""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.deployer.domain.binding_rows import NodeBindings, VerifiedBindings
from services.deployer.domain.delivery_rows import Deliveries
from services.deployer.domain.deployment_rows import Deployments
from services.deployer.domain.desired_rows import DesiredRows
from services.deployer.domain.keeping import SealedRows
from services.deployer.domain.key_rows import KeyRows
from services.deployer.domain.node_rows import Nodes
from services.deployer.domain.plan_rows import Plans
from services.deployer.domain.script_rows import Scripts
from services.deployer.domain.servers import ServerRows
from services.deployer.domain.sessions import SessionRows
from services.deployer.domain.sign_ins import SignInRows
from services.deployer.domain.syncs import SyncRows
from shared.contracts.contract import Contract


class Transaction(Protocol):
    """One transaction over everything."""

    @property
    def keys(self) -> KeyRows:
        """Keys."""
        ...

    @property
    def scripts(self) -> Scripts:
        """Scripts."""
        ...

    @property
    def nodes(self) -> Nodes:
        """Nodes."""
        ...

    @property
    def deployments(self) -> Deployments:
        """Deployments."""
        ...

    @property
    def deliveries(self) -> Deliveries:
        """Deliveries."""
        ...

    @property
    def plans(self) -> Plans:
        """Plans."""
        ...

    @property
    def bindings(self) -> NodeBindings:
        """Bindings."""
        ...

    @property
    def servers(self) -> ServerRows:
        """Servers."""
        ...

    @property
    def sessions(self) -> SessionRows:
        """The vault's sessions."""
        ...

    @property
    def sign_ins(self) -> SignInRows:
        """Sign-ins on nodes."""
        ...

    @property
    def syncs(self) -> SyncRows:
        """Orders to hand a login's state back."""
        ...

    @property
    def sealed(self) -> SealedRows:
        """Every sealed secret."""
        ...

    @property
    def desired(self) -> DesiredRows:
        """What nodes should have."""
        ...

    @property
    def verified_bindings(self) -> VerifiedBindings:
        """Bindings by verified orders."""
        ...

    async def announce(self, messages: Iterable[Contract]) -> None:
        """Put messages into the outbox: they are published if and when the transaction is committed."""
        ...


class Store(Protocol):
    """Transactions: committed at the end of the context, rolled back on an exception."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """A new transaction."""
        ...
