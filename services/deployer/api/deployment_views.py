"""Deployments, deliveries and plans as the API shows them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.plans import PlanEntry
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.http.paging import NextCursor


class GroupView(BaseModel):
    """A group of a deployment, counted from 1; `held` waits to be let go. States without deliveries are left out."""

    group: int
    size: int
    held: int
    totals: dict[DeliveryState, int]


class DeploymentView(BaseModel):
    """A deployment with the totals of its deliveries by state; every state is named.

    `reason` says why it is paused or has ended early; `causes` counts the failures by their cause; `rollout` is its
    policy, as far as it was given. One that is `planned` begins when its `plan_hash` is approved. One that `removes`
    takes the script away from its nodes; its version is the newest there was. `bindings`: what the accounts of its
    nodes play then, where it says that as a whole, as a rollback does.
    """

    deployment_id: str
    script_id: str
    version: int
    hash: str
    state: DeploymentState
    reason: str | None
    total: int
    totals: dict[DeliveryState, int]
    groups: list[GroupView]
    causes: dict[str, int]
    bind: Literal["all"] | list[str] | None
    removes: bool
    bindings: dict[str, str] | None
    targets: dict[str, object]
    rollout: dict[str, Any]
    plan_hash: str | None
    retry_of: str | None
    rollback_of: str | None
    created_at: datetime
    started_at: datetime | None
    deadline_at: datetime | None
    finished_at: datetime | None


class DeliveryView(BaseModel):
    """What became of the script on one node. `reported_hash` is what the node said last that it runs."""

    delivery_id: str
    node_id: str
    group: int
    state: DeliveryState
    held: bool
    reason: str | None
    cause: FailureCause | None
    attempts: int
    reported_hash: str | None
    next_attempt_at: datetime | None
    updated_at: datetime


class DeploymentDetail(DeploymentView):
    """A deployment with a page of its deliveries, by node id."""

    deliveries: list[DeliveryView]
    next_cursor: NextCursor


class DeploymentPage(BaseModel):
    """A page of deployments, the newest first."""

    items: list[DeploymentView]
    next_cursor: NextCursor


class HadView(BaseModel):
    """A version on a node, and the accounts there that play it: `"all"` that have no other script, or these."""

    version: int | None
    hash: str | None
    accounts: Literal["all"] | list[str]


class LostView(BaseModel):
    """A script that accounts of the node stop playing; `gone`: nobody there plays it any more."""

    script_id: str
    accounts: Literal["all"] | list[str]
    gone: bool


class EntryView(BaseModel):
    """One node of a plan: what it had when it was planned (null: nothing of this script), what it will have."""

    node_id: str
    group: int
    has: HadView | None
    will_have: HadView | None
    loses: list[LostView]
    time_zone: str | None


class PlanView(BaseModel):
    """A page of a plan, by group and node id; the hash names the whole plan."""

    deployment_id: str
    plan_hash: str | None
    state: DeploymentState
    total: int
    items: list[EntryView]
    next_cursor: NextCursor


def deployment_fields(deployment: Deployment) -> dict[str, object]:
    """The fields of a DeploymentView."""
    return {
        "deployment_id": deployment.id,
        "script_id": deployment.artifact.id,
        "version": deployment.artifact.version,
        "hash": deployment.artifact.hash,
        "state": deployment.state,
        "reason": deployment.reason,
        "total": deployment.total,
        "totals": {state: deployment.totals.get(state, 0) for state in DeliveryState},
        "groups": [
            GroupView(group=number, size=group.size, held=group.held, totals=dict(group.totals))
            for number, group in enumerate(deployment.progress.groups, 1)
        ],
        "causes": deployment.progress.causes,
        "bind": deployment.bind,
        "removes": deployment.removes,
        "bindings": deployment.bindings,
        "targets": deployment.targets,
        "rollout": deployment.rollout.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "plan_hash": deployment.plan_hash,
        "retry_of": deployment.retry_of,
        "rollback_of": deployment.rollback_of,
        "created_at": deployment.created_at,
        "started_at": deployment.ordered_at,
        "deadline_at": deployment.deadline_at,
        "finished_at": deployment.finished_at,
    }


def deployment_view(deployment: Deployment) -> DeploymentView:
    """A deployment without its deliveries."""
    return DeploymentView.model_validate(deployment_fields(deployment))


def delivery_view(delivery: Delivery) -> DeliveryView:
    """A delivery."""
    final = delivery.state.final
    return DeliveryView(
        delivery_id=delivery.id,
        node_id=delivery.node_id,
        group=delivery.group,
        state=delivery.state,
        held=not final and not delivery.released,
        reason=delivery.reason,
        cause=delivery.cause,
        attempts=delivery.attempts,
        reported_hash=delivery.reported_hash,
        next_attempt_at=None if final or not delivery.released else delivery.next_attempt_at,
        updated_at=delivery.updated_at,
    )


def entry_view(entry: PlanEntry) -> EntryView:
    """An entry of a plan."""
    told = entry.model_dump(mode="json", exclude={"zone", "before"})
    return EntryView.model_validate(told | {"time_zone": entry.zone})
