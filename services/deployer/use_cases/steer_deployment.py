"""Steer a deployment: approve its plan, pause, resume or abort it. Called by the API; `aborted` also by a stop rule.

Each is one transaction that holds the script's row, so that nothing of the deployment begins or joins meanwhile. An
operation that does not fit its state changes nothing and says why. Raises Unavailable.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from services.deployer.domain.advancing import resumed
from services.deployer.domain.deliveries import Canceled, Delivery
from services.deployer.domain.deployments import ACTIVE, Deployment, stopped
from services.deployer.domain.plans import Difference, PlanEntry, differences, planned_entries
from services.deployer.domain.plans import plan_hash as plan_hash_of
from services.deployer.domain.ports import Store, Transaction
from services.deployer.use_cases.advance_deployments import paused
from services.deployer.use_cases.begin_deployment import BeginDeployment
from services.deployer.use_cases.order_deployment import approved, known_of
from services.deployer.use_cases.write_moves import Moves, changed_deployment
from shared.clock import Clock
from shared.contracts.contract import Contract
from shared.contracts.deliveries import ForgetDelivery
from shared.contracts.deployments import DeliveryState, DeploymentState

log = structlog.get_logger(__name__)

BY_HAND = "somebody paused it"
CALLED_OFF = "somebody aborted it"


@dataclass(frozen=True, slots=True)
class NoSuchDeployment:
    """No deployment has this id."""


@dataclass(frozen=True, slots=True)
class NotPossible:
    """The deployment is in a state in which this cannot be done."""

    state: DeploymentState


@dataclass(frozen=True, slots=True)
class OtherPlan:
    """The hash is not that of the stored plan."""

    plan_hash: str | None


@dataclass(frozen=True, slots=True)
class ChangedSince:
    """Nodes are not any more as they were when this was planned."""

    differences: tuple[Difference, ...]


Steered = Deployment | NoSuchDeployment | NotPossible


class SteerDeployment:
    """See the module's docstring. `due` is called when there is something to advance or to send."""

    def __init__(self, store: Store, begin: BeginDeployment, due: Callable[[], None], clock: Clock) -> None:
        self._store = store
        self._begin = begin
        self._due = due
        self._clock = clock

    async def approve(
        self, deployment_id: str, plan_hash: str, *, even_if_changed: bool = False
    ) -> Steered | OtherPlan | ChangedSince:
        """Let exactly the plan of this hash begin, at once or when its time comes.

        Where nodes have changed since, nothing begins; with `even_if_changed` the plan for the same nodes is made anew
        and begins, under another hash.
        """
        async with self._store.begin() as transaction:
            found = await _found(transaction, deployment_id, DeploymentState.PLANNED)
            if not isinstance(found, Deployment):
                return found
            if found.plan_hash != plan_hash:
                return OtherPlan(found.plan_hash)
            entries = await transaction.plans.whole(found.id)
            fresh = await _planned_now(transaction, found, entries)
            if changes := differences(entries, fresh):
                if not even_if_changed:
                    return ChangedSince(tuple(changes))
                found = replace(found, plan_hash=plan_hash_of(found, fresh))
                await transaction.plans.replace(found.id, fresh)
            now = self._clock.now()
            after = approved(found, now)
            if after.state is DeploymentState.RUNNING:
                after = await self._begin.stored(transaction, found)
            else:
                await _save(transaction, after, now)
        self._due()
        return after

    async def pause(self, deployment_id: str) -> Steered:
        """What was sent goes on, nothing new is sent. A paused one stays as it is."""
        async with self._store.begin() as transaction:
            found = await _locked(transaction, deployment_id, *ACTIVE)
            if not isinstance(found, Deployment) or found.state is DeploymentState.PAUSED:
                return found
            after = await paused(transaction, found, BY_HAND, self._clock.now())
            await transaction.deployments.save([after])
        return after

    async def resume(self, deployment_id: str) -> Steered:
        """Go on. A running one stays as it is."""
        async with self._store.begin() as transaction:
            found = await _locked(transaction, deployment_id, *ACTIVE)
            if not isinstance(found, Deployment) or found.state is DeploymentState.RUNNING:
                return found
            now = self._clock.now()
            after = replace(resumed(found), next_look_at=now)
            await _save(transaction, after, now)
        self._due()
        return after

    async def abort(self, deployment_id: str, reason: str = CALLED_OFF) -> Steered:
        """End it: what is not final is canceled, and nodes that have not applied their order are told to forget it."""
        async with self._store.begin() as transaction:
            return await self.aborted(transaction, deployment_id, reason)

    async def expire(self, deployment_id: str, reason: str) -> None:
        """Cancel a plan, unless somebody has approved it in the last moment."""
        async with self._store.begin() as transaction:
            found = await _found(transaction, deployment_id, DeploymentState.PLANNED)
            if isinstance(found, Deployment):
                now = self._clock.now()
                await _save(transaction, stopped(found, reason, now), now)

    async def aborted(self, transaction: Transaction, deployment_id: str, reason: str) -> Steered:
        """Abort it in a transaction of somebody else, who holds no deployment yet."""
        found = await _found(transaction, deployment_id, DeploymentState.PLANNED, DeploymentState.SCHEDULED, *ACTIVE)
        if not isinstance(found, Deployment):
            return found
        now = self._clock.now()
        deliveries = await transaction.deliveries.lock_of(deployment_id)
        (present,) = await transaction.deployments.lock([deployment_id])
        if present.state.final:
            return NotPossible(present.state)
        after = stopped(present, reason, now)
        if not deliveries:
            await _save(transaction, after, now)
            return after
        # The last of its deliveries brings the announcement with it.
        await transaction.deployments.save([after])
        moves = Moves(deliveries, now)
        for delivery in deliveries:
            moves.apply(delivery.id, Canceled(reason))
        await moves.write(transaction)
        await transaction.announce(_forgotten(deliveries, reason, now))
        log.warning("deployment_aborted", deployment=deployment_id, reason=reason, canceled=len(deliveries))
        return await transaction.deployments.one(deployment_id) or after


def _forgotten(deliveries: Iterable[Delivery], reason: str, now: datetime) -> Iterable[Contract]:
    """To the nodes that may have an order which they have not applied."""
    for delivery in deliveries:
        if delivery.attempts and delivery.state is not DeliveryState.APPLIED:
            yield ForgetDelivery(node_id=delivery.node_id, delivery_id=delivery.id, reason=reason, called_off_at=now)


async def _planned_now(
    transaction: Transaction, deployment: Deployment, entries: Sequence[PlanEntry]
) -> list[PlanEntry]:
    """The same plan, made now: the nodes in their groups, with what they have by now."""
    groups = {entry.node_id: entry.group for entry in entries}
    nodes = [node for node in await transaction.nodes.all() if node.node_id in groups]
    known = await known_of(transaction, deployment.effect, list(groups))
    fresh = planned_entries(deployment.effect, deployment.rollout, nodes, known)
    regrouped = [entry.model_copy(update={"group": groups[entry.node_id]}) for entry in fresh]
    return sorted(regrouped, key=lambda entry: (entry.group, entry.node_id))


async def _found(transaction: Transaction, deployment_id: str, *states: DeploymentState) -> Steered:
    """The deployment, its script held, if it is in one of these states."""
    known = await transaction.deployments.one(deployment_id)
    if known is None:
        return NoSuchDeployment()
    await transaction.scripts.lock(known.artifact.id)
    present = await transaction.deployments.one(deployment_id)
    if present is None:
        return NoSuchDeployment()
    return present if present.state in states else NotPossible(present.state)


async def _locked(transaction: Transaction, deployment_id: str, *states: DeploymentState) -> Steered:
    """The deployment itself locked, for what takes deliveries only without waiting for them."""
    found = await _found(transaction, deployment_id, *states)
    if not isinstance(found, Deployment):
        return found
    (present,) = await transaction.deployments.lock([deployment_id])
    return present if present.state in states else NotPossible(present.state)


async def _save(transaction: Transaction, deployment: Deployment, now: datetime) -> None:
    await transaction.deployments.save([deployment])
    await transaction.announce([changed_deployment(deployment, now)])
