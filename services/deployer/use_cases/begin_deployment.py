"""Let a deployment begin: supersede what it replaces, make its deliveries, and let its first group go.

`begin` works in the caller's transaction, which holds the script's row: deployments of one script wait for each other,
so "newer" always has a meaning and a node has at most one delivery of a script that is not final. `BeginDeployment` is
for a deployment that is stored already: approved, or scheduled and called by the job that advances. Raises Unavailable.

Locks are taken in one order everywhere: script, deliveries, deployments, bindings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.deployer.domain.deliveries import Delivery, Superseded
from services.deployer.domain.deployments import Deployment, Progress, gone_to, ordered_at
from services.deployer.domain.plans import PlanEntry, groups_of
from services.deployer.domain.ports import Store, Transaction
from services.deployer.domain.rollout import limits_of
from services.deployer.use_cases.bind_accounts import bind_accounts
from services.deployer.use_cases.write_moves import Moves, changed_deployment
from shared.clock import Clock
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.randomness import Randomness


@dataclass(frozen=True, slots=True)
class Beginning:
    """When, how long it may take, and dice for the ids of its deliveries."""

    now: datetime
    deadline: timedelta
    randomness: Randomness


async def begin(
    transaction: Transaction, deployment: Deployment, entries: Sequence[PlanEntry], how: Beginning, *, stored: bool
) -> Deployment:
    """Begin it; `stored` says that its row is there already. The deployment as it is then."""
    older = await transaction.deliveries.lock_open(deployment.artifact.id, [entry.node_id for entry in entries])
    await _close_others(transaction, deployment, {delivery.deployment_id for delivery in older}, how.now, stored=stored)
    previous = await transaction.deployments.newest_order(deployment.artifact.id)
    running = _running(deployment, entries, ordered_at(how.now, previous), how)
    moves = Moves(older, running.ordered_at or how.now)
    for delivery in older:
        moves.apply(delivery.id, Superseded(deployment.id))
    await moves.write(transaction)
    deliveries = deliveries_of(running, entries, how)
    if stored:
        await transaction.deployments.save([running])
    else:
        running = replace(running, created_at=running.ordered_at or how.now)
        await transaction.deployments.add(running)
    await transaction.deliveries.add(deliveries)
    at_once = [delivery.node_id for delivery in deliveries if delivery.released]
    await bind_accounts(transaction, running.effect, at_once)
    await transaction.announce([changed_deployment(running, how.now)])
    return running


def deliveries_of(deployment: Deployment, entries: Sequence[PlanEntry], how: Beginning) -> list[Delivery]:
    """The deliveries of a deployment that has begun."""
    limits, deadline = limits_of(deployment.rollout), deployment.deadline_at or how.now + how.deadline
    at_once = not deployment.held
    return [
        Delivery(
            id=how.randomness.new_id("dlv_"),
            deployment_id=deployment.id,
            node_id=entry.node_id,
            artifact=deployment.artifact,
            next_attempt_at=how.now if at_once else deadline,
            deadline_at=deadline,
            created_at=deployment.ordered_at or how.now,
            updated_at=how.now,
            entered_at=how.now,
            group=entry.group,
            zone=entry.zone,
            released=at_once,
            limits=limits,
            removes=deployment.removes,
        )
        for entry in entries
    ]


def _running(deployment: Deployment, entries: Sequence[PlanEntry], at: datetime, how: Beginning) -> Deployment:
    """The deployment with nothing sent yet. One group at once needs nobody to release it."""
    rollout, pending = deployment.rollout, DeliveryState.PENDING
    seconds = rollout.deadline_seconds
    held = len(groups_of(entries)) > 1 or rollout.rate is not None or rollout.window is not None
    groups = tuple(
        replace(group, held=group.size if held else 0, totals={pending: group.size}) for group in groups_of(entries)
    )
    zones = {entry.zone for entry in entries if entry.zone is not None}
    deadline_at = how.now + (how.deadline if seconds is None else timedelta(seconds=seconds))
    return gone_to(
        deployment,
        DeploymentState.RUNNING,
        reason=None,
        totals={pending: deployment.total},
        progress=Progress(groups=groups, zones=tuple(sorted(zones)), recruit=rollout.dynamic),
        ordered_at=at,
        deadline_at=deadline_at,
        open_ended=rollout.dynamic,
        next_look_at=how.now if held or rollout.dynamic else None,
    )


async def _close_others(
    transaction: Transaction, deployment: Deployment, older: set[str], now: datetime, *, stored: bool
) -> None:
    """A dynamic deployment takes no late joiners any more once a newer one of its script has begun."""
    waiting = set(await transaction.deployments.open_ended(deployment.artifact.id)) - {deployment.id}
    if not waiting:
        return
    # All that this transaction will lock, at once and in the order of their ids.
    locked = await transaction.deployments.lock(older | waiting | ({deployment.id} if stored else set()))
    reason = f"deployment {deployment.id} is newer"
    closed = [
        replace(other, open_ended=False, reason=other.reason or reason, next_look_at=now)
        for other in locked
        if other.id in waiting
    ]
    await transaction.deployments.save(closed)


class BeginDeployment:
    """See the module's docstring. `due` is called for what is to be sent."""

    def __init__(
        self, store: Store, deadline: timedelta, due: Callable[[], None], clock: Clock, randomness: Randomness
    ) -> None:
        self._store = store
        self._deadline = deadline
        self._due = due
        self._clock = clock
        self._randomness = randomness

    async def scheduled(self, deployment: Deployment) -> None:
        """Begin a scheduled deployment, unless it was canceled or begun meanwhile."""
        async with self._store.begin() as transaction:
            await transaction.scripts.lock(deployment.artifact.id)
            present = await transaction.deployments.one(deployment.id)
            if present is None or present.state is not DeploymentState.SCHEDULED:
                return
            await self.stored(transaction, present)
        self._due()

    async def stored(self, transaction: Transaction, deployment: Deployment) -> Deployment:
        """Begin a deployment whose plan is stored, in a transaction that holds its script."""
        entries = await transaction.plans.whole(deployment.id)
        how = Beginning(self._clock.now(), self._deadline, self._randomness)
        return await begin(transaction, deployment, entries, how, stored=True)
