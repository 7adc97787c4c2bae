"""Order a deployment: resolve its targets into a plan, supersede what it replaces, and store it all at once.

Called by the API. Deployments of the same script wait for each other, so "newer" always has a meaning and a node has
at most one delivery of a script that is not final. Returns what was ordered, or why nothing was. Raises Unavailable.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.deployer.domain.deliveries import Delivery, Superseded
from services.deployer.domain.deployments import Deployment, ordered_at
from services.deployer.domain.ports import Store, Transaction
from services.deployer.domain.takeovers import Takeover
from services.deployer.domain.targets import NothingSelected, Targets, UnknownNodes, planned
from services.deployer.use_cases.bind_accounts import bind_accounts, compared
from services.deployer.use_cases.write_moves import Moves, changed_deployment
from shared.clock import Clock
from shared.contracts.artifacts import Artifact
from shared.contracts.bindings import Bind
from shared.contracts.deployments import DeliveryState
from shared.contracts.drift import DriftPolicy
from shared.randomness import Randomness


@dataclass(frozen=True, slots=True)
class DeploymentOrder:
    """What is asked for. `version` None is the latest one; `asked` are the targets as they were written."""

    script_id: str
    targets: Targets
    version: int | None = None
    bind: Bind = None
    asked: Mapping[str, object] = field(default_factory=dict)
    drift: DriftPolicy = DriftPolicy.REPAIR


@dataclass(frozen=True, slots=True)
class Ordered:
    """A stored deployment, and the accounts that it takes away from other scripts."""

    deployment: Deployment
    takeovers: tuple[Takeover, ...]


@dataclass(frozen=True, slots=True)
class NoSuchScript:
    """No script has this id."""


@dataclass(frozen=True, slots=True)
class NoSuchVersion:
    """The script has no such version; `latest` is the newest one it has."""

    latest: int


Refusal = NoSuchScript | NoSuchVersion | UnknownNodes | NothingSelected


class OrderDeployment:
    """See the module's docstring. A delivery not verified within `deadline` times out; `due` is called for new ones."""

    def __init__(
        self, store: Store, deadline: timedelta, due: Callable[[], None], clock: Clock, randomness: Randomness
    ) -> None:
        self._store = store
        self._due = due
        self._deadline = deadline
        self._clock = clock
        self._randomness = randomness

    async def __call__(self, wanted: DeploymentOrder) -> Ordered | Refusal:
        """Order it."""
        async with self._store.begin() as transaction:
            artifact = await _artifact(transaction, wanted)
            if not isinstance(artifact, Artifact):
                return artifact
            plan = planned(wanted.targets, await transaction.nodes.all())
            if not isinstance(plan, list):
                return plan
            deployment = await self._store_plan(transaction, wanted, artifact, plan)
            takeovers = await bind_accounts(transaction, artifact, wanted.bind, plan)
        self._due()
        return Ordered(deployment, await asyncio.to_thread(compared, takeovers) if takeovers.found else ())

    async def _store_plan(
        self, transaction: Transaction, wanted: DeploymentOrder, artifact: Artifact, plan: Sequence[str]
    ) -> Deployment:
        now = self._clock.now()
        ordered = ordered_at(now, await transaction.deployments.newest_order(artifact.id))
        deployment = Deployment(
            id=self._randomness.new_id("dep_"),
            artifact=artifact,
            bind=wanted.bind,
            targets=wanted.asked,
            created_at=ordered,
            total=len(plan),
            totals={DeliveryState.PENDING: len(plan)},
            drift=wanted.drift,
        )
        await self._supersede(transaction, deployment, plan)
        await transaction.deployments.add(deployment)
        await transaction.deliveries.add([self._delivery(deployment, node_id, now) for node_id in plan])
        await transaction.announce([changed_deployment(deployment, now)])
        return deployment

    async def _supersede(self, transaction: Transaction, deployment: Deployment, plan: Sequence[str]) -> None:
        older = await transaction.deliveries.lock_open(deployment.artifact.id, plan)
        moves = Moves(older, deployment.created_at)
        for delivery in older:
            moves.apply(delivery.id, Superseded(deployment.id))
        await moves.write(transaction)

    def _delivery(self, deployment: Deployment, node_id: str, now: datetime) -> Delivery:
        return Delivery(
            id=self._randomness.new_id("dlv_"),
            deployment_id=deployment.id,
            node_id=node_id,
            artifact=deployment.artifact,
            next_attempt_at=now,
            deadline_at=now + self._deadline,
            created_at=deployment.created_at,
            updated_at=now,
        )


async def _artifact(transaction: Transaction, wanted: DeploymentOrder) -> Artifact | NoSuchScript | NoSuchVersion:
    if not await transaction.scripts.lock(wanted.script_id):
        return NoSuchScript()
    versions = {info.artifact.version: info.artifact for info in await transaction.scripts.versions(wanted.script_id)}
    latest = max(versions)
    chosen = versions.get(wanted.version or latest)
    return chosen if chosen is not None else NoSuchVersion(latest)
