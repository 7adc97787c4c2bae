"""A deployment: the order to bring a script version to a set of nodes, with the totals of its deliveries.

The totals are kept with every move of a delivery, so that nobody has to count ten thousand rows. A deployment is
`running` while any delivery is not final; then it is `succeeded` if every one is verified, else `failed`. A
superseded delivery is no success: its node does not run this version; the totals tell the two apart.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.contracts.artifacts import Artifact
from shared.contracts.bindings import Bind
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.drift import DriftPolicy


@dataclass(frozen=True, slots=True)
class Deployment:
    """`targets` is what was asked for: `{"node_ids": […]}` or `{"selector": "…"}`; the plan is its deliveries.

    `drift` is what happens when a node loses what was verified on it.
    """

    id: str
    artifact: Artifact
    bind: Bind
    targets: Mapping[str, object]
    created_at: datetime
    total: int
    state: DeploymentState = DeploymentState.RUNNING
    finished_at: datetime | None = None
    totals: Mapping[DeliveryState, int] = field(default_factory=dict)
    drift: DriftPolicy = DriftPolicy.REPAIR

    @property
    def remaining(self) -> int:
        """How many deliveries are not final yet."""
        return sum(count for state, count in self.totals.items() if not state.final)


StateChange = tuple[DeliveryState, DeliveryState]

# PostgreSQL keeps microseconds; two orders must differ in what it keeps.
TICK = timedelta(microseconds=1)


def counted(deployment: Deployment, changes: Iterable[StateChange], now: datetime) -> Deployment:
    """The deployment after its deliveries went from one state to another; ended if none is left."""
    totals = {state: deployment.totals.get(state, 0) for state in DeliveryState}
    for before, after in changes:
        totals[before] -= 1
        totals[after] += 1
    after_changes = replace(deployment, totals=totals)
    if deployment.finished_at is not None or after_changes.remaining:
        return after_changes
    succeeded = totals[DeliveryState.VERIFIED] == deployment.total
    state = DeploymentState.SUCCEEDED if succeeded else DeploymentState.FAILED
    return replace(after_changes, state=state, finished_at=now)


def ordered_at(now: datetime, previous: datetime | None) -> datetime:
    """When a deployment was ordered: later than every earlier one of the same script, whatever the clocks say.

    Nodes let the later order stand, so two orders of a script must never have the same time or the wrong order.
    """
    return now if previous is None else max(now, previous + TICK)
