"""`/api/v1/group-ai/script-deployment`: orders, their plans, how far they have come, and what can be done with them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from services.console.clients.api import Api, Paged, View, below
from shared.contracts.deployments import DeliveryState, DeploymentState

PREFIX = "/api/v1/group-ai/script-deployment"
PATH = f"{PREFIX}/deployments"

Steering = Literal["pause", "resume", "abort", "retry", "rollback"]


class Group(View):
    """A group of a deployment."""

    group: int
    size: int
    held: int
    totals: dict[DeliveryState, int]


class Rate(View):
    """How many nodes a minute; with `after_verified` it grows."""

    per_minute: float
    factor: float = 1
    after_verified: int | None = None
    most_per_minute: float | None = None


class StopRule(View):
    """How many failures are too many."""

    failed_percent: float
    least: int = 1
    causes: list[str] | None = None
    then: str = "pause"


class Timers(View):
    """How many seconds a node has for each step while it is online."""

    receive_seconds: int | None = None
    apply_seconds: int | None = None
    verify_seconds: int | None = None


class Window(View):
    """Hours in which nodes change; the time zone `node` is each node's own."""

    begins: str = Field(alias="from")
    ends: str = Field(alias="to")
    days: list[str] | None = None
    time_zone: str = "node"


class Rollout(View):
    """The policy of a deployment, as far as it was given."""

    groups: Sequence[int | str] = ()
    success_percent: float | None = None
    rate: Rate | None = None
    stop: Sequence[StopRule] = ()
    timers: Timers = Timers()
    retries: dict[str, int] = Field(default_factory=dict)
    deadline_seconds: int | None = None
    start_at: datetime | None = None
    window: Window | None = None
    dynamic: bool = False
    drift: str = "repair"


class Deployment(View):
    """A deployment with its totals. One that `removes` takes the script away."""

    deployment_id: str
    script_id: str
    version: int
    hash: str
    state: DeploymentState
    reason: str | None
    total: int
    totals: dict[DeliveryState, int]
    groups: list[Group]
    causes: dict[str, int]
    bind: str | list[str] | None
    removes: bool = False
    targets: dict[str, Any]
    rollout: Rollout
    plan_hash: str | None
    retry_of: str | None
    rollback_of: str | None
    created_at: datetime
    started_at: datetime | None
    deadline_at: datetime | None
    finished_at: datetime | None


class Delivery(View):
    """What became of the script on one node."""

    delivery_id: str
    node_id: str
    group: int
    state: DeliveryState
    held: bool
    reason: str | None
    cause: str | None
    attempts: int
    reported_hash: str | None
    next_attempt_at: datetime | None
    updated_at: datetime


class DeploymentDetail(Deployment):
    """A deployment with a page of its deliveries."""

    deliveries: list[Delivery]
    next_cursor: str | None


class Had(View):
    """A version on a node, and who plays it there."""

    version: int | None
    hash: str | None
    accounts: str | list[str]


class Lost(View):
    """A script that accounts of the node stop playing."""

    script_id: str
    accounts: str | list[str]
    gone: bool


class PlanEntry(View):
    """What an order would do on one node; `has` and `will_have` are None for nothing of the script."""

    node_id: str
    group: int
    has: Had | None
    will_have: Had | None
    loses: list[Lost]
    time_zone: str | None = None


class Plan(View):
    """A page of a plan."""

    deployment_id: str
    plan_hash: str | None
    state: DeploymentState
    total: int
    items: list[PlanEntry]
    next_cursor: str | None


class Takeover(View):
    """A script that loses accounts to an order."""

    script_id: str
    version: int
    node_count: int


class Ordered(View):
    """A deployment that was accepted."""

    deployment_id: str
    nodes: int
    plan_hash: str | None
    takes_over: list[Takeover]


class LeftAlone(View):
    """A node that is not rolled back, and why."""

    node_id: str
    reason: str


class RolledBack(View):
    """The deployments that bring nodes back."""

    deployments: list[Deployment]
    left_alone: list[LeftAlone]


class Deployments:
    """The deployments' API."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def page(self, question: Mapping[str, object], cursor: str | None, limit: int) -> Paged[Deployment]:
        """Deployments, the newest first."""
        return await self._api.get(PATH, Paged[Deployment], {**question, "cursor": cursor, "limit": limit})

    async def one(self, deployment_id: str, cursor: str | None, limit: int) -> DeploymentDetail:
        """A deployment with a page of its deliveries."""
        return await self._api.get(_path(deployment_id), DeploymentDetail, {"cursor": cursor, "limit": limit})

    async def plan_of(self, deployment_id: str, cursor: str | None, limit: int) -> Plan:
        """What each node had, will have and loses."""
        return await self._api.get(f"{_path(deployment_id)}/plan", Plan, {"cursor": cursor, "limit": limit})

    async def plan(self, script_id: str, body: Mapping[str, object]) -> Ordered:
        """Store what an order would do, and do nothing yet."""
        return await self._api.post(below(PREFIX, "plan", script_id), Ordered, body)

    async def plan_removal(self, script_id: str, body: Mapping[str, Any]) -> Ordered:
        """Store what it would be to take a script away, and do nothing yet."""
        rollout = {**body.get("rollout", {}), "approval": True}
        return await self._api.post(below(PREFIX, "remove", script_id), Ordered, {**body, "rollout": rollout})

    async def approve(self, deployment_id: str, plan_hash: str, even_if_changed: bool) -> Deployment:
        """Begin exactly the plan of this hash, or the one for the same nodes if they have changed since."""
        body = {"plan_hash": plan_hash, "even_if_changed": even_if_changed}
        return await self._api.post(f"{_path(deployment_id)}/approve", Deployment, body)

    async def steer(self, deployment_id: str, what: Steering) -> Deployment:
        """Pause, resume, abort or retry."""
        return await self._api.post(f"{_path(deployment_id)}/{what}", Deployment)

    async def roll_back(self, deployment_id: str) -> RolledBack:
        """Bring each node back to what it had."""
        return await self._api.post(f"{_path(deployment_id)}/rollback", RolledBack)


def _path(deployment_id: str) -> str:
    return below(PATH, deployment_id)
