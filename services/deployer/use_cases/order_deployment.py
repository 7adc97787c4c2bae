"""Order a deployment: resolve its targets into a plan, store it, and let it begin, now or later.

Called by the API. With `approval` only the plan is stored, and it waits to be approved; with `start_at` it waits for
its time. Deployments of the same script wait for each other. Returns what was ordered, or why nothing was. Raises
Unavailable.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.deployer.domain.deployments import Deployment, Effect, Progress, gone_to
from services.deployer.domain.plans import (
    Known,
    PlanEntry,
    groups_of,
    newest_answers,
    plan_hash,
    planned_entries,
    players,
)
from services.deployer.domain.ports import Store, Transaction
from services.deployer.domain.rollout import PLAIN, Rollout
from services.deployer.domain.takeovers import Takeover
from services.deployer.domain.targets import NothingSelected, Targets, UnknownNodes, planned
from services.deployer.use_cases.begin_deployment import Beginning, begin
from services.deployer.use_cases.bind_accounts import Takeovers, compared, takeovers_of
from services.deployer.use_cases.write_moves import changed_deployment
from shared.clock import Clock
from shared.contracts.artifacts import Artifact
from shared.contracts.bindings import Bind, Bindings
from shared.contracts.deployments import DeploymentState
from shared.randomness import Randomness

# What nobody has approved in a day was planned for a fleet that is another one by now.
APPROVAL_TIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class DeploymentOrder:
    """What is asked for. `version` None is the latest one; `asked` are the targets as they were written.

    `removes` and `bindings` are those of an Effect.
    """

    script_id: str
    targets: Targets
    version: int | None = None
    bind: Bind = None
    asked: Mapping[str, object] = field(default_factory=dict)
    rollout: Rollout = PLAIN
    retry_of: str | None = None
    rollback_of: str | None = None
    removes: bool = False
    bindings: Bindings | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """A stored deployment, and the accounts that it takes away from other scripts.

    `unplayed` is on how many nodes no account plays the script when it is done.
    """

    deployment: Deployment
    takeovers: tuple[Takeover, ...]
    unplayed: int


@dataclass(frozen=True, slots=True)
class Placed:
    """An order in a transaction that is not committed yet; what it takes over is still to be compared."""

    deployment: Deployment
    takeovers: Takeovers
    unplayed: int


@dataclass(frozen=True, slots=True)
class NoSuchScript:
    """No script has this id."""


@dataclass(frozen=True, slots=True)
class NoSuchVersion:
    """The script has no such version; `latest` is the newest one it has."""

    latest: int


Refusal = NoSuchScript | NoSuchVersion | UnknownNodes | NothingSelected


class OrderDeployment:
    """See the module's docstring.

    A delivery not verified within `deadline` of the start times out, unless the policy says otherwise. `due` is called
    for new ones.
    """

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
            placed = await self.within(transaction, wanted)
        if not isinstance(placed, Placed):
            return placed
        self._due()
        takeovers = await asyncio.to_thread(compared, placed.takeovers) if placed.takeovers.found else ()
        return Ordered(placed.deployment, takeovers, placed.unplayed)

    async def within(self, transaction: Transaction, wanted: DeploymentOrder) -> Placed | Refusal:
        """Order it in a transaction of somebody else."""
        artifact = await _artifact(transaction, wanted)
        if not isinstance(artifact, Artifact):
            return artifact
        nodes = await transaction.nodes.all()
        plan = planned(wanted.targets, nodes)
        if not isinstance(plan, list):
            return plan
        chosen = set(plan)
        effect = Effect(artifact, wanted.bind, wanted.removes, wanted.bindings)
        targets = [node for node in nodes if node.node_id in chosen]
        known = await known_of(transaction, effect, plan)
        entries = planned_entries(effect, wanted.rollout, targets, known)
        deployment = await self._stored(transaction, self._planned(wanted, artifact, entries), entries)
        takeovers = await takeovers_of(transaction, artifact, wanted.bind, known.bindings)
        before = known.bindings if effect.binds else await transaction.bindings.of(plan)
        return Placed(deployment, takeovers, _unplayed(effect, plan, before))

    def _planned(self, wanted: DeploymentOrder, artifact: Artifact, entries: list[PlanEntry]) -> Deployment:
        now = self._clock.now()
        deployment = Deployment(
            id=self._randomness.new_id("dep_"),
            artifact=artifact,
            bind=wanted.bind,
            targets=wanted.asked,
            created_at=now,
            total=len(entries),
            state=DeploymentState.PLANNED,
            rollout=wanted.rollout,
            progress=Progress(groups=groups_of(entries)),
            deadline_at=now + APPROVAL_TIME,
            next_look_at=now + APPROVAL_TIME,
            retry_of=wanted.retry_of,
            rollback_of=wanted.rollback_of,
            removes=wanted.removes,
            bindings=wanted.bindings,
        )
        return replace(deployment, plan_hash=plan_hash(deployment, entries))

    async def _stored(self, transaction: Transaction, deployment: Deployment, entries: list[PlanEntry]) -> Deployment:
        now = self._clock.now()
        if not deployment.rollout.approval:
            deployment = approved(deployment, now)
        if deployment.state is DeploymentState.RUNNING:
            how = Beginning(now, self._deadline, self._randomness)
            deployment = await begin(transaction, deployment, entries, how, stored=False)
        else:
            await transaction.deployments.add(deployment)
            await transaction.announce([changed_deployment(deployment, now)])
        await transaction.plans.add(deployment.id, entries)
        return deployment


async def known_of(transaction: Transaction, effect: Effect, node_ids: Collection[str]) -> Known:
    """What is known of these nodes beside what they report, as far as an order with this effect asks for it."""
    before = await transaction.bindings.of(node_ids) if effect.binds else {}
    rows = await transaction.desired.wanted(effect.artifact.id, node_ids)
    applied = await transaction.deliveries.applied(effect.artifact.id, node_ids)
    return Known(before, newest_answers(rows, applied))


def _unplayed(effect: Effect, node_ids: Collection[str], before: Mapping[str, Bindings]) -> int:
    """On how many of the nodes no account plays the script after the order; none for one that removes it."""
    if effect.removes:
        return 0
    return sum(not players(effect.rebound(before.get(node_id, {})), effect.artifact.id) for node_id in node_ids)


def approved(deployment: Deployment, now: datetime) -> Deployment:
    """The plan is to be executed: now, or when its time comes."""
    at = deployment.rollout.start_at
    if at is not None and at > now:
        return gone_to(deployment, DeploymentState.SCHEDULED, deadline_at=None, next_look_at=at)
    return gone_to(deployment, DeploymentState.RUNNING)


async def _artifact(transaction: Transaction, wanted: DeploymentOrder) -> Artifact | NoSuchScript | NoSuchVersion:
    if not await transaction.scripts.lock(wanted.script_id):
        return NoSuchScript()
    versions = {info.artifact.version: info.artifact for info in await transaction.scripts.versions(wanted.script_id)}
    latest = max(versions)
    chosen = versions.get(wanted.version or latest)
    return chosen if chosen is not None else NoSuchVersion(latest)
