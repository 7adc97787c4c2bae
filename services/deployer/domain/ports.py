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
from services.deployer.domain.desired import Desired
from services.deployer.domain.keeping import SealedRows
from services.deployer.domain.nodes import Node
from services.deployer.domain.plans import PlanEntry
from services.deployer.domain.rollout import Window
from services.deployer.domain.scripts import NewScript, ScriptSummary, ScriptVersion, StoredScript, VersionInfo
from services.deployer.domain.servers import ServerRows
from services.deployer.domain.sessions import SessionRows
from services.deployer.domain.sign_ins import SignInRows
from services.deployer.domain.signing_keys import Keys
from services.deployer.domain.syncs import SyncRows
from shared.contracts.artifacts import Artifact
from shared.contracts.bindings import Bind, Bindings
from shared.contracts.contract import Contract
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.drift import DriftKind, DriftState


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery whose time has come, with what its order needs of its deployment."""

    delivery: Delivery
    node_online: bool
    bind: Bind
    window: Window | None = None
    bindings: Bindings | None = None


@dataclass(frozen=True, slots=True)
class DeploymentQuestion:
    """Which deployments; None asks for any."""

    script_id: str | None = None
    state: DeploymentState | None = None


@dataclass(frozen=True, slots=True)
class DueDesired:
    """A desired row to look at, with what is known of its node.

    `on_its_way` is when the delivery of the script that is under way, not held back, was ordered; `busy`: the node was
    sent an order, of whatever script, that is not final; `bindings` are those that were verified, None if they are not
    known.
    """

    row: Desired
    node: Node | None
    on_its_way: datetime | None
    busy: bool
    bindings: Bindings | None


@dataclass(frozen=True, slots=True)
class DriftQuestion:
    """Which differences; None asks for any."""

    node_id: str | None = None
    script_id: str | None = None
    kind: DriftKind | None = None
    state: DriftState | None = None


# The place of an entry in a plan, which is by group and node.
PlanPlace = tuple[int, str]
# The place of a deployment in the list, which is newest first.
DeploymentPlace = tuple[datetime, str]
VersionKey = tuple[str, int]
# Node and script; script and content hash.
DesiredKey = tuple[str, str]
ContentKey = tuple[str, str]


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

    async def known(self, keys: Collection[ContentKey]) -> dict[ContentKey, Artifact]:
        """Those of these contents that are stored as versions of their script."""
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

    async def strangers(self, deployment_id: str) -> list[Node]:
        """The nodes to which nothing of this deployment goes."""
        ...

    async def behind(self, serial: int, most: int) -> dict[str, int]:
        """Online nodes that go by an older serial of the deployer's keys, with that serial; by id."""
        ...

    async def online_serials(self) -> set[int]:
        """The serials that online nodes go by."""
        ...

    async def highest_serial(self) -> int:
        """The highest serial that any node goes by; 0 if none does."""
        ...


class Deployments(Protocol):
    """Deployments with their totals."""

    async def add(self, deployment: Deployment) -> None:
        """Insert one."""
        ...

    async def newest_order(self, script_id: str) -> datetime | None:
        """When the script was last ordered, by a deployment that has begun or to settle drift."""
        ...

    async def lock(self, ids: Collection[str]) -> list[Deployment]:
        """Deployments, locked in the order of their ids."""
        ...

    async def save(self, deployments: Sequence[Deployment]) -> None:
        """Write what can change of them."""
        ...

    async def claim_looks(self, now: datetime, most: int) -> list[Deployment]:
        """Deployments that are to be looked at, locked; what another transaction holds is passed over."""
        ...

    async def open_ended(self, script_id: str | None) -> list[str]:
        """The ids of the deployments (of this script) that wait for late joiners."""
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

    async def lock_of(self, deployment_id: str) -> list[Delivery]:
        """The non-final deliveries of a deployment, locked by id."""
        ...

    async def claim_held(
        self, deployment_id: str, group: int, zones: Sequence[str] | None, most: int
    ) -> list[Delivery]:
        """Deliveries of a group that are held back (in these time zones), by node; locked ones are passed over."""
        ...

    async def claim_unsent(self, deployment_id: str) -> list[Delivery]:
        """Pending deliveries of a deployment that are released; locked ones are passed over."""
        ...

    async def in_states(self, deployment_id: str, states: Collection[DeliveryState]) -> list[Delivery]:
        """The deliveries of a deployment in these states, by node id."""
        ...

    async def save(self, deliveries: Sequence[Delivery]) -> None:
        """Write what can change of them."""
        ...

    async def page(self, deployment_id: str, after: str | None, limit: int) -> list[Delivery]:
        """The deliveries of a deployment, by node id."""
        ...


class Plans(Protocol):
    """What deployments change on each node, as it was when they were planned."""

    async def add(self, deployment_id: str, entries: Sequence[PlanEntry]) -> None:
        """Insert a deployment's plan, or more of it."""
        ...

    async def replace(self, deployment_id: str, entries: Sequence[PlanEntry]) -> None:
        """Put these entries in place of those that a deployment has."""
        ...

    async def page(self, deployment_id: str, after: PlanPlace | None, limit: int) -> list[PlanEntry]:
        """Entries of a plan, by group and node id."""
        ...

    async def whole(self, deployment_id: str) -> list[PlanEntry]:
        """A plan, by group and node id."""
        ...


class NodeBindings(Protocol):
    """For each node, which account was ordered to play which script (see `shared.contracts.bindings`)."""

    async def of(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        """The bindings of those of the nodes that have any, unlocked."""
        ...

    async def lock(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        """The bindings of these nodes, locked by id; empty ones for a node without any."""
        ...

    async def save(self, bindings: Mapping[str, Bindings]) -> None:
        """Write the bindings of nodes that are locked."""
        ...


class DesiredRows(Protocol):
    """What nodes should have, by node and script. Locked after deliveries and deployments."""

    async def want(self, rows: Sequence[Desired]) -> None:
        """Write rows of verified deliveries; one by a later order stays."""
        ...

    async def lock(self, node_ids: Collection[str], delivery_ids: Collection[str]) -> list[Desired]:
        """The rows of these nodes and those that want one of these deliveries, locked by node and script."""
        ...

    async def lock_one(self, key: DesiredKey) -> Desired | None:
        """One row, locked."""
        ...

    async def enter(self, rows: Sequence[Desired]) -> None:
        """Insert rows of scripts that nobody has ordered; one that is there stays."""
        ...

    async def save(self, rows: Sequence[Desired]) -> None:
        """Write rows that are locked."""
        ...

    async def remove(self, keys: Collection[DesiredKey]) -> None:
        """Forget rows that are locked."""
        ...

    async def wanted_by(self, delivery_ids: Collection[str]) -> dict[str, str]:
        """The nodes by those of the delivery ids that a row wants; not locked."""
        ...

    async def verified(self, script_id: str, node_ids: Collection[str]) -> dict[str, Artifact]:
        """The version of a script that was verified last on these nodes, where it was not removed; not locked."""
        ...

    async def claim_due(self, now: datetime, most: int) -> list[DueDesired]:
        """Rows to look at, locked; what another transaction holds is passed over."""
        ...

    async def page(self, question: DriftQuestion, after: DesiredKey | None, limit: int) -> list[Desired]:
        """The rows that are drifted, given up or newer, by node and script."""
        ...


class VerifiedBindings(Protocol):
    """For each node, who plays what by the orders that were verified there."""

    async def lock(self, node_ids: Collection[str]) -> dict[str, Bindings | None]:
        """The bindings of these nodes, locked by id: empty ones for a node without any, None for unknown ones."""
        ...

    async def save(self, bindings: Mapping[str, Bindings | None]) -> None:
        """Write the bindings of nodes that are locked."""
        ...


class KeyRows(Protocol):
    """The deployer's own keys."""

    async def all(self) -> Keys:
        """Everything that is kept; nothing before the first start."""
        ...

    async def lock(self) -> Keys:
        """The same, and nobody else changes it until the end of the transaction."""
        ...

    async def save(self, keys: Keys) -> None:
        """Write what is kept from now on, in the place of what was."""
        ...


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
