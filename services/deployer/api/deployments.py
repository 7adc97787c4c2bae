"""`/api/v1/group-ai/script-deployment`: order a deployment, and see how far it has come."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, TypeAdapter

from services.deployer.api.deploy_body import REFUSALS, DeployBody, read_targets, refusal
from services.deployer.api.ordered import OrderedView, view_of
from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.ports import DeploymentQuestion
from services.deployer.use_cases.browse import BrowseDeployments
from services.deployer.use_cases.order_deployment import DeploymentOrder, OrderDeployment, Ordered
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.drift import DriftPolicy
from shared.contracts.identifiers import DeploymentId, NodeId, ScriptId
from shared.http import Problem
from shared.http.fields import Moment
from shared.http.paging import Cursor, Limit, NextCursor, cursor_of, place_of
from shared.http.responses import AWAY, problems

_PLACE = TypeAdapter(tuple[Moment, DeploymentId])
_NODE_PLACE = TypeAdapter(tuple[NodeId])
EXAMPLE_ID = "dep_" + "0" * 32


class DeploymentView(BaseModel):
    """A deployment with the totals of its deliveries by state; every state is named."""

    deployment_id: str
    script_id: str
    version: int
    hash: str
    state: DeploymentState
    total: int
    totals: dict[DeliveryState, int]
    bind: Literal["all"] | list[str] | None
    targets: dict[str, object]
    drift: DriftPolicy
    created_at: datetime
    finished_at: datetime | None


class DeliveryView(BaseModel):
    """What became of the script on one node. `reported_hash` is what the node said last that it runs."""

    delivery_id: str
    node_id: str
    state: DeliveryState
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


def deployments_router(order: OrderDeployment, browse: BrowseDeployments) -> APIRouter:
    """The router of deployments."""
    router = APIRouter(prefix="/api/v1/group-ai/script-deployment", tags=["deployments"], responses=AWAY)

    @router.post(
        "/deploy/{script_id}",
        status_code=202,
        summary="Deploy a script to nodes",
        responses=REFUSALS,
    )
    async def deploy_script(
        script_id: Annotated[ScriptId, Path(description="the script's id", examples=["greeter"])], body: DeployBody
    ) -> OrderedView:
        """Bring a version of a script to nodes, by name or by label.

        Accepted means stored: every node gets it, now or when it comes back. An older deployment of the same script
        that is still on its way to one of these nodes is superseded there. `takes_over` names the scripts that lose
        accounts to this one, and the messages that both would have answered.
        """
        wanted = DeploymentOrder(
            script_id, read_targets(body), body.version, body.bind, body.asked(), DriftPolicy(body.drift)
        )
        ordered = await order(wanted)
        if not isinstance(ordered, Ordered):
            raise refusal(ordered, wanted)
        return view_of(ordered)

    @router.get("/deployments", summary="List deployments")
    async def list_deployments(
        limit: Limit = 100,
        cursor: Cursor = None,
        script_id: Annotated[ScriptId | None, Query(description="only of this script")] = None,
        state: Annotated[DeploymentState | None, Query(description="only in this state")] = None,
    ) -> DeploymentPage:
        """Deployments, the newest first, each with the totals of its deliveries by state."""
        found = await browse.page(DeploymentQuestion(script_id, state), place_of(cursor, _PLACE), limit + 1)
        items = [DeploymentView.model_validate(_fields(one)) for one in found[:limit]]
        last = found[limit - 1] if len(found) > limit else None
        next_cursor = cursor_of(last.created_at.isoformat(), last.id) if last else None
        return DeploymentPage(items=items, next_cursor=next_cursor)

    @router.get(
        "/deployments/{deployment_id}",
        summary="Read a deployment",
        responses=problems((404, "no-such-deployment", "no deployment has this id")),
    )
    async def read_deployment(
        deployment_id: Annotated[DeploymentId, Path(description="from the answer to the order", examples=[EXAMPLE_ID])],
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> DeploymentDetail:
        """The totals by state, and what became of the script on each node."""
        place = place_of(cursor, _NODE_PLACE)
        found = await browse.one(deployment_id, place[0] if place else None, limit + 1)
        if found is None:
            raise Problem(404, "no-such-deployment", f"there is no deployment {deployment_id!r}")
        deployment, deliveries = found
        next_cursor = cursor_of(deliveries[limit - 1].node_id) if len(deliveries) > limit else None
        page = [_delivery(delivery) for delivery in deliveries[:limit]]
        return DeploymentDetail.model_validate(_fields(deployment) | {"deliveries": page, "next_cursor": next_cursor})

    return router


def _fields(deployment: Deployment) -> dict[str, object]:
    return {
        "deployment_id": deployment.id,
        "script_id": deployment.artifact.id,
        "version": deployment.artifact.version,
        "hash": deployment.artifact.hash,
        "state": deployment.state,
        "total": deployment.total,
        "totals": {state: deployment.totals.get(state, 0) for state in DeliveryState},
        "bind": deployment.bind,
        "targets": deployment.targets,
        "drift": deployment.drift,
        "created_at": deployment.created_at,
        "finished_at": deployment.finished_at,
    }


def _delivery(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        delivery_id=delivery.id,
        node_id=delivery.node_id,
        state=delivery.state,
        reason=delivery.reason,
        cause=delivery.cause,
        attempts=delivery.attempts,
        reported_hash=delivery.reported_hash,
        next_attempt_at=None if delivery.state.final else delivery.next_attempt_at,
        updated_at=delivery.updated_at,
    )
