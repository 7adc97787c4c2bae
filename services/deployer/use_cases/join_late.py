"""Let late joiners in: nodes that match the selector of a dynamic deployment and have nothing of it yet.

Called by the job that advances, when nodes were seen for the first time or with other labels. They come into the last
group and wait there like all others, under the same rules. Raises Unavailable.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from services.deployer.domain.deliveries import Superseded
from services.deployer.domain.deployments import Deployment, Group
from services.deployer.domain.nodes import Node
from services.deployer.domain.plans import PlanEntry, planned_entries
from services.deployer.domain.ports import Store, Transaction
from services.deployer.domain.rollout import Rollout
from services.deployer.domain.selector import Selector, parse_selector
from services.deployer.use_cases.begin_deployment import Beginning, deliveries_of
from services.deployer.use_cases.order_deployment import known_of
from services.deployer.use_cases.write_moves import Moves
from shared.clock import Clock
from shared.contracts.deployments import DeliveryState
from shared.randomness import Randomness

log = structlog.get_logger(__name__)


class JoinLate:
    """See the module's docstring."""

    def __init__(self, store: Store, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._clock = clock
        self._randomness = randomness

    async def __call__(self, deployment: Deployment) -> None:
        """Let in who matches now."""
        async with self._store.begin() as transaction:
            await transaction.scripts.lock(deployment.artifact.id)
            strangers = await transaction.nodes.strangers(deployment.id)
            joiners = [node for node in strangers if _matches(deployment, node)]
            node_ids = [node.node_id for node in joiners]
            older = await transaction.deliveries.lock_open(deployment.artifact.id, node_ids) if node_ids else []
            locked = await transaction.deployments.lock({deployment.id, *(each.deployment_id for each in older)})
            (present,) = (each for each in locked if each.id == deployment.id)
            progress = replace(present.progress, recruit=False)
            present = replace(present, progress=progress)
            if not joiners or not present.open_ended or present.state.final:
                await transaction.deployments.save([present])
                return
            moves = Moves(older, self._clock.now())
            for delivery in older:
                moves.apply(delivery.id, Superseded(deployment.id))
            await moves.write(transaction)
            await self._join(transaction, present, joiners)

    async def _join(self, transaction: Transaction, deployment: Deployment, joiners: list[Node]) -> None:
        now, group = self._clock.now(), len(deployment.progress.groups)
        node_ids = [node.node_id for node in joiners]
        known = await known_of(transaction, deployment.effect, node_ids)
        one_group = Rollout(window=deployment.rollout.window)
        entries = [
            entry.model_copy(update={"group": group})
            for entry in planned_entries(deployment.effect, one_group, joiners, known)
        ]
        grown = _grown(deployment, entries)
        how = Beginning(now, timedelta(0), self._randomness)
        await transaction.deployments.save([replace(grown, next_look_at=now)])
        await transaction.deliveries.add(deliveries_of(grown, entries, how))
        await transaction.plans.add(deployment.id, entries)
        log.info("late_joiners", deployment=deployment.id, nodes=len(joiners))


async def recruit(transaction: Transaction, also: Collection[str], now: datetime) -> None:
    """Nodes have come that a selector may match now: dynamic deployments are to look for late joiners, soon.

    `also` are deployments that the caller will lock after this: all of them are locked at once, by id.
    """
    waiting = await transaction.deployments.open_ended(None)
    if not waiting:
        return
    locked = await transaction.deployments.lock({*waiting, *also})
    # A fleet that comes back in a hundred batches is looked through once a second, not a hundred times.
    soon = now + timedelta(seconds=1)
    told = [
        replace(
            one,
            progress=replace(one.progress, recruit=True),
            next_look_at=soon if one.next_look_at is None else min(soon, one.next_look_at),
        )
        for one in locked
        if one.open_ended and not one.progress.recruit
    ]
    if told:
        await transaction.deployments.save(told)


def _grown(deployment: Deployment, entries: list[PlanEntry]) -> Deployment:
    """The deployment with these nodes in its last group, held back."""
    pending, more = DeliveryState.PENDING, len(entries)
    *groups, last = deployment.progress.groups
    totals = {**last.totals, pending: last.totals.get(pending, 0) + more}
    zones = {*deployment.progress.zones, *(entry.zone for entry in entries if entry.zone is not None)}
    grown = Group(last.size + more, last.held + more, totals)
    return replace(
        deployment,
        total=deployment.total + more,
        totals={**deployment.totals, pending: deployment.totals.get(pending, 0) + more},
        progress=replace(deployment.progress, groups=(*groups, grown), zones=tuple(sorted(zones))),
    )


def _matches(deployment: Deployment, node: Node) -> bool:
    selector = parse_selector(str(deployment.targets.get("selector", "")))
    return isinstance(selector, Selector) and selector.matches(node.labels)
