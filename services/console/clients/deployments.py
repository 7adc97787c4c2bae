"""`/api/v1/group-ai/script-deployment`: orders, their plans, how far they have come, and what can be done with them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

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


class Deployment(View):
    """A deployment with its totals."""

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
    targets: dict[str, Any]
    rollout: dict[str, Any]
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
    """What an order would do on one node."""

    node_id: str
    group: int
    has: Had | None
    will_have: Had
    loses: list[Lost]


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

    async def approve(self, deployment_id: str, plan_hash: str) -> Deployment:
        """Begin exactly the plan of this hash."""
        return await self._api.post(f"{_path(deployment_id)}/approve", Deployment, {"plan_hash": plan_hash})

    async def steer(self, deployment_id: str, what: Steering) -> Deployment:
        """Pause, resume, abort or retry."""
        return await self._api.post(f"{_path(deployment_id)}/{what}", Deployment)

    async def roll_back(self, deployment_id: str) -> RolledBack:
        """Bring each node back to what it had."""
        return await self._api.post(f"{_path(deployment_id)}/rollback", RolledBack)


def _path(deployment_id: str) -> str:
    return below(PATH, deployment_id)
