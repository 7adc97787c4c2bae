"""Write what events made of deliveries: rows, totals, announcements, all in the caller's transaction.

Used by every use case that moves deliveries. The caller holds the locks of the deliveries; the deployments are locked
here, after them and by id, so that two transactions never wait for each other. Every state that a delivery enters is
announced once, because it is entered once.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from services.deployer.domain.deliveries import Delivery, Event, moved
from services.deployer.domain.deployments import Change, Deployment, counted
from services.deployer.domain.ports import Transaction
from services.deployer.use_cases.desire import desire
from shared.contracts.contract import Contract
from shared.contracts.deployments import DeliveryChanged, DeliveryState, DeploymentChanged, GroupTotals


class Moves:
    """The deliveries of one transaction, and what has become of them so far."""

    def __init__(self, deliveries: Iterable[Delivery], now: datetime) -> None:
        self._now = now
        self._before = {delivery.id: delivery for delivery in deliveries}
        self._current = dict(self._before)
        self._entered: list[tuple[str, DeliveryState]] = []

    def get(self, delivery_id: str) -> Delivery | None:
        """A delivery as it is now."""
        return self._current.get(delivery_id)

    def all(self) -> list[Delivery]:
        """Every delivery as it is now."""
        return list(self._current.values())

    def deployments(self) -> set[str]:
        """The deployments whose totals change."""
        return {self._current[delivery_id].deployment_id for delivery_id, _ in self._entered}

    def apply(self, delivery_id: str, event: Event) -> Delivery:
        """Let an event happen to a delivery; how it is after it."""
        move = moved(self._current[delivery_id], event, self._now)
        self._current[delivery_id] = move.delivery
        self._entered += [(delivery_id, state) for state in move.entered]
        return move.delivery

    async def write(self, transaction: Transaction) -> None:
        """Write everything that changed."""
        changed = [delivery for id_, delivery in self._current.items() if delivery is not self._before[id_]]
        if changed:
            await transaction.deliveries.save(changed)
        deployments = await self._count(transaction) if self._entered else []
        verified = [self._current[id_] for id_, state in self._entered if state is DeliveryState.VERIFIED]
        await desire(transaction, verified, deployments)
        announced: list[Contract] = [self._announcement(*entered) for entered in self._entered]
        announced += [changed_deployment(one, self._now) for one in deployments if one.finished_at == self._now]
        if announced:
            await transaction.announce(announced)

    async def _count(self, transaction: Transaction) -> list[Deployment]:
        changes: defaultdict[str, list[Change]] = defaultdict(list)
        for delivery_id in dict.fromkeys(delivery_id for delivery_id, _ in self._entered):
            before, after = self._before[delivery_id], self._current[delivery_id]
            changes[after.deployment_id].append((before, after))
        locked = await transaction.deployments.lock(changes)
        deployments = [counted(deployment, changes[deployment.id], self._now) for deployment in locked]
        await transaction.deployments.save(deployments)
        return deployments

    def _announcement(self, delivery_id: str, state: DeliveryState) -> DeliveryChanged:
        delivery = self._current[delivery_id]
        return DeliveryChanged(
            delivery_id=delivery.id,
            deployment_id=delivery.deployment_id,
            node_id=delivery.node_id,
            artifact=delivery.artifact,
            state=state,
            group=delivery.group,
            reason=delivery.reason if state is delivery.state else None,
            attempts=delivery.attempts,
            reported_hash=delivery.reported_hash,
            removes=delivery.removes,
            at=self._now,
        )


def changed_deployment(deployment: Deployment, now: datetime) -> DeploymentChanged:
    """The announcement of a deployment's state."""
    return DeploymentChanged(
        deployment_id=deployment.id,
        artifact=deployment.artifact,
        state=deployment.state,
        totals=dict(deployment.totals),
        groups=[
            GroupTotals(size=group.size, held=group.held, totals=dict(group.totals))
            for group in deployment.progress.groups
        ],
        causes=dict(deployment.progress.causes),
        reason=deployment.reason,
        removes=deployment.removes,
        at=now,
    )
