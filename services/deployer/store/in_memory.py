"""The store in memory: the twin of `store.postgres` for tests without a database.

One transaction at a time; a failed one leaves nothing behind. Rows are frozen, so a copy of the tables is a snapshot.
`announced` holds what committed transactions have put into the outbox.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.desired import Desired
from services.deployer.domain.installations import Installation
from services.deployer.domain.nodes import Node
from services.deployer.domain.plans import PlanEntry
from services.deployer.domain.ports import (
    ContentKey,
    DeploymentPlace,
    DeploymentQuestion,
    DesiredKey,
    DueDelivery,
    PlanPlace,
    VersionKey,
)
from services.deployer.domain.scripts import NewScript, ScriptSummary, ScriptVersion, StoredScript, VersionInfo
from services.deployer.domain.servers import Server, ServerState
from services.deployer.domain.signing_keys import Keys
from services.deployer.store.in_memory_desired import InMemoryDesired, InMemoryVerifiedBindings
from services.deployer.store.in_memory_sessions import (
    InMemorySealed,
    InMemorySessions,
    InMemorySignIns,
    InMemorySyncs,
    VaultTables,
)
from shared.contracts.artifacts import Artifact
from shared.contracts.bindings import Bindings
from shared.contracts.contract import Contract
from shared.contracts.deployments import DeliveryState


@dataclass
class _Tables:
    scripts: dict[str, list[ScriptVersion]] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    plans: dict[str, list[PlanEntry]] = field(default_factory=dict)
    bindings: dict[str, Bindings] = field(default_factory=dict)
    desired: dict[DesiredKey, Desired] = field(default_factory=dict)
    verified_bindings: dict[str, Bindings | None] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    logins: dict[str, bytes] = field(default_factory=dict)
    installations: dict[str, Installation] = field(default_factory=dict)
    vault: VaultTables = field(default_factory=VaultTables)
    # One value, under one key.
    keys: dict[str, Keys] = field(default_factory=dict)

    def copy(self) -> "_Tables":
        copies: dict[str, Any] = {one.name: getattr(self, one.name).copy() for one in fields(self)}
        for name in ("scripts", "plans"):
            copies[name] = {key: list(values) for key, values in copies[name].items()}
        return _Tables(**copies)


class InMemoryTransaction:
    """One transaction on a copy of the tables."""

    def __init__(self, tables: _Tables) -> None:
        self.messages: list[Contract] = []
        self.scripts = _Scripts(tables)
        self.nodes = _Nodes(tables)
        self.deployments = _Deployments(tables)
        self.deliveries = _Deliveries(tables)
        self.plans = _Plans(tables)
        self.bindings = _Bindings(tables)
        self.desired = InMemoryDesired(tables.desired, tables.nodes, tables.deliveries, tables.verified_bindings)
        self.verified_bindings = InMemoryVerifiedBindings(tables.verified_bindings)
        self.servers = _Servers(tables)
        self.sessions = InMemorySessions(tables.vault)
        self.sign_ins = InMemorySignIns(tables.vault)
        self.syncs = InMemorySyncs(tables.vault)
        self.sealed = InMemorySealed(tables.vault, tables.logins, tables.keys)
        self.keys = _Keys(tables)

    async def announce(self, messages: Iterable[Contract]) -> None:
        """Put messages into the outbox."""
        self.messages += messages


class InMemoryStore:
    """Transactions in one process. `on_announced` is called as the real store calls it."""

    def __init__(self, on_announced: Callable[[], None] = lambda: None) -> None:
        self.announced: list[Contract] = []
        self._tables = _Tables()
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


class _Scripts:
    def __init__(self, tables: _Tables) -> None:
        self._scripts = tables.scripts

    async def add(self, script: NewScript, now: datetime) -> StoredScript:
        versions = self._scripts.setdefault(script.script_id, [])
        for known in versions:
            if known.info.artifact.hash == script.hash:
                return StoredScript(known, added=False)
        artifact = Artifact(id=script.script_id, version=len(versions) + 1, hash=script.hash)
        versions.append(ScriptVersion(VersionInfo(artifact, script.title, len(script.body.encode()), now), script.body))
        return StoredScript(versions[-1], added=True)

    async def lock(self, script_id: str) -> bool:
        return script_id in self._scripts

    async def page(self, after: str | None, limit: int) -> list[ScriptSummary]:
        ids = sorted(script_id for script_id in self._scripts if script_id > (after or ""))[:limit]
        return [ScriptSummary(self._scripts[id_][-1].info, self._scripts[id_][0].info.created_at) for id_ in ids]

    async def versions(self, script_id: str) -> list[VersionInfo]:
        return [version.info for version in reversed(self._scripts.get(script_id, []))]

    async def newest(self, script_ids: Collection[str]) -> dict[str, VersionInfo]:
        return {id_: self._scripts[id_][-1].info for id_ in script_ids if id_ in self._scripts}

    async def version(self, script_id: str, version: int) -> ScriptVersion | None:
        versions = {one.info.artifact.version: one for one in self._scripts.get(script_id, [])}
        return versions.get(version)

    async def contents(self, keys: Collection[VersionKey]) -> dict[VersionKey, ScriptVersion]:
        found = {key: await self.version(*key) for key in keys}
        return {key: version for key, version in found.items() if version is not None}

    async def by_hash(self, content_hash: str) -> ScriptVersion | None:
        every = (version for versions in self._scripts.values() for version in versions)
        return next((version for version in every if version.info.artifact.hash == content_hash), None)

    async def known(self, keys: Collection[ContentKey]) -> dict[ContentKey, Artifact]:
        every = (version.info.artifact for versions in self._scripts.values() for version in versions)
        return {(one.id, one.hash): one for one in every if (one.id, one.hash) in keys}


class _Nodes:
    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._nodes = tables.nodes

    async def lock(self, node_ids: Collection[str]) -> dict[str, Node]:
        return {node_id: self._nodes[node_id] for node_id in node_ids if node_id in self._nodes}

    async def save(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            known = self._nodes.get(node.node_id)
            if known is None or known.age <= node.age:
                self._nodes[node.node_id] = node

    async def all(self) -> list[Node]:
        return list(self._nodes.values())

    async def strangers(self, deployment_id: str) -> list[Node]:
        reached = {one.node_id for one in self._tables.deliveries.values() if one.deployment_id == deployment_id}
        return [node for node in self._nodes.values() if node.node_id not in reached]

    async def behind(self, serial: int, most: int) -> dict[str, int]:
        online = {id_: node.keys_serial for id_, node in sorted(self._nodes.items()) if node.online}
        found = {id_: known for id_, known in online.items() if known is not None and known < serial}
        return dict(list(found.items())[:most])

    async def online_serials(self) -> set[int]:
        return {node.keys_serial for node in self._nodes.values() if node.online and node.keys_serial is not None}

    async def highest_serial(self) -> int:
        return max((node.keys_serial or 0 for node in self._nodes.values()), default=0)


class _Deployments:
    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._deployments = tables.deployments

    async def add(self, deployment: Deployment) -> None:
        self._deployments[deployment.id] = _tidy(deployment)

    async def newest_order(self, script_id: str) -> datetime | None:
        times = [one.ordered_at for one in self._deployments.values() if one.artifact.id == script_id]
        rows = self._tables.desired.values()
        times += [one.want.ordered_at for one in rows if one.script_id == script_id and one.want]
        return max((at for at in times if at is not None), default=None)

    async def claim_looks(self, now: datetime, most: int) -> list[Deployment]:
        due = [(one.next_look_at, one) for one in self._deployments.values() if one.next_look_at is not None]
        return [one for at, one in sorted(due, key=lambda each: each[0]) if at <= now][:most]

    async def open_ended(self, script_id: str | None) -> list[str]:
        return sorted(
            one.id for one in self._deployments.values() if one.open_ended and script_id in (None, one.artifact.id)
        )

    async def lock(self, ids: Collection[str]) -> list[Deployment]:
        return [self._deployments[id_] for id_ in sorted(ids) if id_ in self._deployments]

    async def save(self, deployments: Sequence[Deployment]) -> None:
        for deployment in deployments:
            self._deployments[deployment.id] = _tidy(deployment)

    async def one(self, deployment_id: str) -> Deployment | None:
        return self._deployments.get(deployment_id)

    async def page(self, question: DeploymentQuestion, after: DeploymentPlace | None, limit: int) -> list[Deployment]:
        asked = [
            one
            for one in self._deployments.values()
            if question.script_id in (None, one.artifact.id)
            and question.state in (None, one.state)
            and (after is None or (one.created_at, one.id) < after)
        ]
        return sorted(asked, key=lambda one: (one.created_at, one.id), reverse=True)[:limit]


class _Deliveries:
    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._deliveries = tables.deliveries

    async def add(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if await self.lock_open(delivery.artifact.id, [delivery.node_id]):
                raise ValueError(f"node {delivery.node_id} has an open delivery of {delivery.artifact.id}")
            self._deliveries[delivery.id] = delivery

    async def claim_due(self, now: datetime, most: int) -> list[DueDelivery]:
        due = [one for one in self._deliveries.values() if not one.state.final and one.next_attempt_at <= now]
        due.sort(key=lambda one: one.next_attempt_at)
        return [self._with_context(delivery) for delivery in due[:most]]

    def _with_context(self, delivery: Delivery) -> DueDelivery:
        node = self._tables.nodes.get(delivery.node_id)
        deployment = self._tables.deployments[delivery.deployment_id]
        online = node is not None and node.online
        return DueDelivery(delivery, online, deployment.bind, deployment.rollout.window, deployment.bindings)

    async def lock(self, ids: Collection[str], open_at: Collection[str]) -> list[Delivery]:
        return [
            delivery
            for id_, delivery in sorted(self._deliveries.items())
            if id_ in ids or (not delivery.state.final and delivery.node_id in open_at)
        ]

    async def lock_open(self, script_id: str, node_ids: Collection[str]) -> list[Delivery]:
        found = await self.lock([], node_ids)
        return [delivery for delivery in found if delivery.artifact.id == script_id]

    async def lock_of(self, deployment_id: str) -> list[Delivery]:
        return [one for _, one in sorted(self._deliveries.items()) if self._is_open(one, deployment_id)]

    async def claim_held(
        self, deployment_id: str, group: int, zones: Sequence[str] | None, most: int
    ) -> list[Delivery]:
        found = [
            one
            for one in self._deliveries.values()
            if self._is_open(one, deployment_id)
            and not one.released
            and one.group == group
            and (zones is None or one.zone in zones)
        ]
        return sorted(found, key=lambda one: one.node_id)[:most]

    async def claim_unsent(self, deployment_id: str) -> list[Delivery]:
        open_ones = await self.lock_of(deployment_id)
        return [one for one in open_ones if one.released and one.state is DeliveryState.PENDING]

    async def in_states(self, deployment_id: str, states: Collection[DeliveryState]) -> list[Delivery]:
        found = [one for one in self._deliveries.values() if one.deployment_id == deployment_id and one.state in states]
        return sorted(found, key=lambda one: one.node_id)

    def _is_open(self, delivery: Delivery, deployment_id: str) -> bool:
        return delivery.deployment_id == deployment_id and not delivery.state.final

    async def save(self, deliveries: Sequence[Delivery]) -> None:
        self._deliveries.update({delivery.id: delivery for delivery in deliveries})

    async def page(self, deployment_id: str, after: str | None, limit: int) -> list[Delivery]:
        found = [
            one
            for one in self._deliveries.values()
            if one.deployment_id == deployment_id and one.node_id > (after or "")
        ]
        return sorted(found, key=lambda one: one.node_id)[:limit]


class _Plans:
    def __init__(self, tables: _Tables) -> None:
        self._plans = tables.plans

    async def add(self, deployment_id: str, entries: Sequence[PlanEntry]) -> None:
        self._plans.setdefault(deployment_id, []).extend(entries)

    async def replace(self, deployment_id: str, entries: Sequence[PlanEntry]) -> None:
        self._plans[deployment_id] = list(entries)

    async def page(self, deployment_id: str, after: PlanPlace | None, limit: int) -> list[PlanEntry]:
        whole = await self.whole(deployment_id)
        return [one for one in whole if (one.group, one.node_id) > (after or (0, ""))][:limit]

    async def whole(self, deployment_id: str) -> list[PlanEntry]:
        return sorted(self._plans.get(deployment_id, []), key=lambda one: (one.group, one.node_id))


class _Bindings:
    def __init__(self, tables: _Tables) -> None:
        self._bindings = tables.bindings

    async def of(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        return {node_id: self._bindings[node_id] for node_id in node_ids if node_id in self._bindings}

    async def lock(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        return {node_id: self._bindings.get(node_id, {}) for node_id in sorted(node_ids)}

    async def save(self, bindings: Mapping[str, Bindings]) -> None:
        self._bindings.update(bindings)


class _Servers:
    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._servers = tables.servers

    async def add(self, server: Server, sealed: bytes) -> bool:
        linked = {one.node_id for one in self._servers.values() if one.link and one.node_id}
        if server.server_id in self._servers or (server.link and server.node_id in linked):
            return False
        self._servers[server.server_id] = server
        self._tables.logins[server.server_id] = sealed
        return True

    async def one(self, server_id: str) -> Server | None:
        return self._servers.get(server_id)

    async def lock(self, server_id: str) -> Server | None:
        return self._servers.get(server_id)

    async def sealed(self, server_id: str) -> bytes | None:
        return self._tables.logins.get(server_id)

    async def save(self, server: Server) -> None:
        if server.server_id in self._servers:
            self._servers[server.server_id] = server

    async def change_login(self, server: Server, sealed: bytes) -> None:
        self._servers[server.server_id] = server
        self._tables.logins[server.server_id] = sealed

    async def remove(self, server_id: str) -> bool:
        self._tables.logins.pop(server_id, None)
        self._tables.installations.pop(server_id, None)
        return self._servers.pop(server_id, None) is not None

    async def page(self, after: str | None, limit: int) -> list[Server]:
        return [self._servers[id_] for id_ in sorted(self._servers) if id_ > (after or "")][:limit]

    async def linked(self) -> list[Server]:
        found = (self._servers[id_] for id_ in sorted(self._servers))
        return [one for one in found if one.link and one.node_id and one.state is ServerState.CONFIRMED]

    async def installation(self, server_id: str) -> Installation | None:
        return self._tables.installations.get(server_id)

    async def note_installation(self, server_id: str, installation: Installation) -> None:
        if server_id in self._servers:
            self._tables.installations[server_id] = installation


def _tidy(deployment: Deployment) -> Deployment:
    """As the database gives it back: totals of zero are not kept."""
    return replace(deployment, totals={state: count for state, count in deployment.totals.items() if count})


class _Keys:
    def __init__(self, tables: _Tables) -> None:
        self._keys = tables.keys

    async def all(self) -> Keys:
        return self._keys.get("", Keys())

    async def lock(self) -> Keys:
        return await self.all()

    async def save(self, keys: Keys) -> None:
        self._keys[""] = keys
