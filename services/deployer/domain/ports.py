"""What the use cases need of the outside: rows in a transaction, and URLs that agents may fetch.

`store.postgres` and `store.in_memory` implement the store under one contract suite. Everything is read and written
in sets: a use case costs a constant number of statements, whatever the size of its batch. Every method of a store
raises Unavailable when the database is away.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.nodes import Node
from services.deployer.domain.scripts import NewScript, ScriptSummary, ScriptVersion, StoredScript, VersionInfo
from services.deployer.domain.servers import ServerRows
from shared.contracts.bindings import Bind, Bindings
from shared.contracts.contract import Contract
from shared.contracts.deployments import DeploymentState


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery whose time has come, with what its order needs."""

    delivery: Delivery
    node_online: bool
    bind: Bind


@dataclass(frozen=True, slots=True)
class DeploymentQuestion:
    """Which deployments; None asks for any."""

    script_id: str | None = None
    state: DeploymentState | None = None


# The place of a deployment in the list, which is newest first.
DeploymentPlace = tuple[datetime, str]
VersionKey = tuple[str, int]


class Scripts(Protocol):
    """Scripts and their versions."""

    async def add(self, script: NewScript, now: datetime) -> StoredScript:
        """Store as the next version, or find the version that has this hash. Locks the script."""
        ...

    async def lock(self, script_id: str) -> bool:
        """Keep other deployments of this script waiting until the end of the transaction; whether it exists."""
        ...

    async def page(self, after: str | None, limit: int) -> list[ScriptSummary]:
        """Scripts by id."""
        ...

    async def versions(self, script_id: str) -> list[VersionInfo]:
        """All versions, the newest first; empty for an unknown script."""
        ...

    async def newest(self, script_ids: Collection[str]) -> dict[str, VersionInfo]:
        """The latest version of each of the scripts that exist."""
        ...

    async def version(self, script_id: str, version: int) -> ScriptVersion | None:
        """One version with its text."""
        ...

    async def contents(self, keys: Collection[VersionKey]) -> dict[VersionKey, ScriptVersion]:
        """Several versions with their texts."""
        ...

    async def by_hash(self, content_hash: str) -> ScriptVersion | None:
        """The version with this content."""
        ...


class Nodes(Protocol):
    """The projection of the fleet."""

    async def lock(self, node_ids: Collection[str]) -> dict[str, Node]:
        """Those of the nodes that are known, locked."""
        ...

    async def save(self, nodes: Sequence[Node]) -> None:
        """Write nodes, sorted by id; a row that is newer by now stays."""
        ...

    async def all(self) -> list[Node]:
        """Every node."""
        ...


class Deployments(Protocol):
    """Deployments with their totals."""

    async def add(self, deployment: Deployment) -> None:
        """Insert one."""
        ...

    async def newest_order(self, script_id: str) -> datetime | None:
        """When the script was last ordered."""
        ...

    async def lock(self, ids: Collection[str]) -> list[Deployment]:
        """Deployments, locked in the order of their ids."""
        ...

    async def save(self, deployments: Sequence[Deployment]) -> None:
        """Write state and totals."""
        ...

    async def one(self, deployment_id: str) -> Deployment | None:
        """One deployment."""
        ...

    async def page(self, question: DeploymentQuestion, after: DeploymentPlace | None, limit: int) -> list[Deployment]:
        """Deployments, the newest first."""
        ...


class Deliveries(Protocol):
    """Deliveries. At most one of a node and script is not final."""

    async def add(self, deliveries: Sequence[Delivery]) -> None:
        """Insert any number."""
        ...

    async def claim_due(self, now: datetime, most: int) -> list[DueDelivery]:
        """Deliveries that are due, locked; what another transaction holds is passed over."""
        ...

    async def lock(self, ids: Collection[str], open_at: Collection[str]) -> list[Delivery]:
        """The deliveries with these ids and the non-final ones of the nodes `open_at`, locked by id."""
        ...

    async def lock_open(self, script_id: str, node_ids: Collection[str]) -> list[Delivery]:
        """The non-final deliveries of a script to these nodes, locked by id."""
        ...

    async def save(self, deliveries: Sequence[Delivery]) -> None:
        """Write what can change of them."""
        ...

    async def page(self, deployment_id: str, after: str | None, limit: int) -> list[Delivery]:
        """The deliveries of a deployment, by node id."""
        ...


class NodeBindings(Protocol):
    """For each node, which account was ordered to play which script (see `shared.contracts.bindings`)."""

    async def lock(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        """The bindings of these nodes, locked by id; empty ones for a node without any."""
        ...

    async def save(self, bindings: Mapping[str, Bindings]) -> None:
        """Write the bindings of nodes that are locked."""
        ...


class Transaction(Protocol):
    """One transaction over everything."""

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
    def bindings(self) -> NodeBindings:
        """Bindings."""
        ...

    @property
    def servers(self) -> ServerRows:
        """Servers."""
        ...

    async def announce(self, messages: Iterable[Contract]) -> None:
        """Put messages into the outbox: they are published if and when the transaction is committed."""
        ...


class Store(Protocol):
    """Transactions: committed at the end of the context, rolled back on an exception."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """A new transaction."""
        ...
