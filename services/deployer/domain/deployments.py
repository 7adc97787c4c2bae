"""A deployment: the order to bring a script version to a set of nodes, with the totals of its deliveries.

| event                                       | planned    | scheduled  | running             | paused              |
| ------------------------------------------- | ---------- | ---------- | ------------------- | ------------------- |
| approved, its time is still to come         | `scheduled`| –          | –                   | –                   |
| approved, or its time has come              | `running`  | `running`  | –                   | –                   |
| nobody approved it in time                  | `canceled` | –          | –                   | –                   |
| pause, a stop rule, a group that falls short| –          | –          | `paused`            | stays               |
| resume                                      | –          | –          | stays               | `running`           |
| abort, a stop rule that aborts              | `canceled` | `canceled` | `aborted`           | `aborted`           |
| its last delivery ended, every one verified | –          | –          | `succeeded`         | `succeeded`         |
| its last delivery ended otherwise           | –          | –          | `failed`            | `failed`            |

The totals are kept with every move of a delivery, so that nobody has to count ten thousand rows. A superseded delivery
is no success: its node does not run this version; the totals tell the two apart. A dynamic deployment is `open_ended`:
it waits for late joiners and ends, when nothing is open, at its deadline or when a newer one of its script starts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.rollout import OTHER, PLAIN, TIMED_OUT, Rollout
from shared.contracts.artifacts import Artifact
from shared.contracts.bindings import Bind, Bindings, rebound, released
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.drift import DriftPolicy

ACTIVE = (DeploymentState.RUNNING, DeploymentState.PAUSED)

# The table above without its events: every change of a deployment's state goes through `gone_to`, which holds it.
TRANSITIONS: Mapping[DeploymentState, frozenset[DeploymentState]] = {
    DeploymentState.PLANNED: frozenset({DeploymentState.SCHEDULED, DeploymentState.RUNNING, DeploymentState.CANCELED}),
    DeploymentState.SCHEDULED: frozenset({DeploymentState.RUNNING, DeploymentState.CANCELED}),
    DeploymentState.RUNNING: frozenset(
        {DeploymentState.PAUSED, DeploymentState.SUCCEEDED, DeploymentState.FAILED, DeploymentState.ABORTED}
    ),
    DeploymentState.PAUSED: frozenset(
        {DeploymentState.RUNNING, DeploymentState.SUCCEEDED, DeploymentState.FAILED, DeploymentState.ABORTED}
    ),
}


@dataclass(frozen=True, slots=True)
class Group:
    """How many deliveries a group has, how many of them are held back, and the totals by state."""

    size: int
    held: int = 0
    totals: Mapping[DeliveryState, int] = field(default_factory=dict)

    def count(self, *states: DeliveryState) -> int:
        """How many deliveries are in one of these states."""
        return sum(self.totals.get(state, 0) for state in states)

    @property
    def remaining(self) -> int:
        """How many deliveries are not final yet."""
        return sum(count for state, count in self.totals.items() if not state.final)


@dataclass(frozen=True, slots=True)
class Progress:
    """What the rollout remembers between two looks.

    `causes` counts failures by cause. `credit` is how many nodes the rate allowed at `credit_at`. The first `waived`
    groups were let pass by somebody; `forgiven` are the failures by cause that somebody has seen, and `forgiven_ended`
    the deliveries that had ended then: stop rules count only what came after. `recruit` says that there may be late
    joiners.
    """

    groups: tuple[Group, ...] = ()
    causes: Mapping[str, int] = field(default_factory=dict)
    credit: float = 1.0
    credit_at: datetime | None = None
    waived: int = 0
    forgiven: Mapping[str, int] = field(default_factory=dict)
    forgiven_ended: int = 0
    zones: tuple[str, ...] = ()
    recruit: bool = False


NOT_BEGUN = Progress()


@dataclass(frozen=True, slots=True)
class Effect:
    """What an order changes on each of its nodes: the script that comes or, with `removes`, goes, and who plays what.

    `bindings`, where they are given, are what the accounts play afterwards, whatever they did before.
    """

    artifact: Artifact
    bind: Bind = None
    removes: bool = False
    bindings: Bindings | None = None

    @property
    def binds(self) -> bool:
        """Whether it changes who plays what."""
        return self.bind is not None or self.bindings is not None or self.removes

    def rebound(self, before: Bindings) -> dict[str, str]:
        """Who plays what on a node after it."""
        if self.bindings is not None:
            return dict(self.bindings)
        return released(before, self.artifact.id) if self.removes else rebound(before, self.artifact.id, self.bind)


@dataclass(frozen=True, slots=True)
class Deployment:
    """`targets` is what was asked for: `{"node_ids": […]}` or `{"selector": "…"}`; the plan is its deliveries.

    `ordered_at` is its start: what orders it among the others of its script. `next_look_at` is when it has to be
    looked at without anything having happened; None where only its deliveries have timers. `removes` and `bindings` are
    those of its effect.
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
    rollout: Rollout = PLAIN
    progress: Progress = NOT_BEGUN
    reason: str | None = None
    plan_hash: str | None = None
    ordered_at: datetime | None = None
    deadline_at: datetime | None = None
    next_look_at: datetime | None = None
    open_ended: bool = False
    retry_of: str | None = None
    rollback_of: str | None = None
    removes: bool = False
    bindings: Bindings | None = None

    @property
    def effect(self) -> Effect:
        """What it changes on each node."""
        return Effect(self.artifact, self.bind, self.removes, self.bindings)

    @property
    def drift(self) -> DriftPolicy:
        """What happens when a node loses what was verified on it."""
        return DriftPolicy(self.rollout.drift)

    @property
    def remaining(self) -> int:
        """How many deliveries are not final yet."""
        return sum(count for state, count in self.totals.items() if not state.final)

    @property
    def held(self) -> int:
        """How many deliveries are held back."""
        return sum(group.held for group in self.progress.groups)

    @property
    def ended(self) -> int:
        """How many deliveries have ended by themselves, well or not."""
        return sum(self.totals.get(state, 0) for state in _DECIDED)


Change = tuple[Delivery, Delivery]

# PostgreSQL keeps microseconds; two orders must differ in what it keeps.
TICK = timedelta(microseconds=1)

_DECIDED = (DeliveryState.VERIFIED, DeliveryState.FAILED, DeliveryState.TIMED_OUT)


def gone_to(deployment: Deployment, state: DeploymentState, **changes: Any) -> Deployment:
    """The deployment in its next state, with what else changes by that. Raises ValueError where no such way exists."""
    if state is not deployment.state and state not in TRANSITIONS.get(deployment.state, frozenset()):
        raise ValueError(f"deployment {deployment.id} cannot go from {deployment.state} to {state}")
    return replace(deployment, state=state, **changes)


def counted(deployment: Deployment, changes: Iterable[Change], now: datetime) -> Deployment:
    """The deployment after its deliveries have changed; ended if none is left."""
    tally = _Tally(deployment)
    for before, after in changes:
        tally.count(before, after)
    return finished(_looked_at_soon(tally.result(), now), now)


def finished(deployment: Deployment, now: datetime) -> Deployment:
    """The deployment, ended if it is under way and nothing of it is left to wait for."""
    if deployment.state not in ACTIVE or deployment.remaining or deployment.open_ended:
        return deployment
    succeeded = deployment.totals.get(DeliveryState.VERIFIED, 0) == deployment.total
    state = DeploymentState.SUCCEEDED if succeeded else DeploymentState.FAILED
    reason = None if succeeded else deployment.reason
    return gone_to(deployment, state, finished_at=now, next_look_at=None, reason=reason)


def stopped(deployment: Deployment, reason: str, now: datetime) -> Deployment:
    """Aborted, or canceled where it had not begun."""
    state = DeploymentState.ABORTED if deployment.state in ACTIVE else DeploymentState.CANCELED
    return gone_to(deployment, state, reason=reason, finished_at=now, next_look_at=None, open_ended=False)


def ordered_at(now: datetime, previous: datetime | None) -> datetime:
    """When a deployment was ordered: later than every earlier one of the same script, whatever the clocks say.

    Nodes let the later order stand, so two orders of a script must never have the same time or the wrong order.
    """
    return now if previous is None else max(now, previous + TICK)


def _looked_at_soon(deployment: Deployment, now: datetime) -> Deployment:
    # A plain push has nothing to decide until its last delivery ends, and is never looked at.
    if deployment.state not in ACTIVE or not (deployment.held or deployment.rollout.stop or deployment.open_ended):
        return deployment
    return replace(deployment, next_look_at=now)


class _Tally:
    """The totals of a deployment while they change."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._totals = {state: deployment.totals.get(state, 0) for state in DeliveryState}
        self._groups = [(group.size, dict(group.totals)) for group in deployment.progress.groups]
        self._held = [group.held for group in deployment.progress.groups]
        self._causes = dict(deployment.progress.causes)

    def count(self, before: Delivery, after: Delivery) -> None:
        """A delivery went from one state to another, or was held back or released."""
        self._totals[before.state] -= 1
        self._totals[after.state] += 1
        if before.group <= len(self._groups):
            totals = self._groups[before.group - 1][1]
            totals[before.state] = totals.get(before.state, 0) - 1
            totals[after.state] = totals.get(after.state, 0) + 1
            self._held[before.group - 1] += is_held(after) - is_held(before)
        if after.state in (DeliveryState.FAILED, DeliveryState.TIMED_OUT) and after.state is not before.state:
            cause = cause_of(after)
            self._causes[cause] = self._causes.get(cause, 0) + 1

    def result(self) -> Deployment:
        """The deployment with what was counted."""
        groups = tuple(
            Group(size, held, {state: count for state, count in totals.items() if count})
            for (size, totals), held in zip(self._groups, self._held, strict=True)
        )
        progress = replace(self._deployment.progress, groups=groups, causes=self._causes)
        return replace(self._deployment, totals=self._totals, progress=progress)


def is_held(delivery: Delivery) -> bool:
    """Whether it waits for its rollout to release it."""
    return not delivery.released and not delivery.state.final


def cause_of(delivery: Delivery) -> str:
    """Under which cause a delivery that has failed is counted."""
    if delivery.state is DeliveryState.TIMED_OUT:
        return TIMED_OUT
    return OTHER if delivery.cause is None else delivery.cause.value
