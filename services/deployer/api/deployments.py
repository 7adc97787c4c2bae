"""`/api/v1/group-ai/script-deployment`: order a deployment, and see how far it has come."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from services.deployer.api.deploy_body import DeployBody, read_targets, refusal
from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.ports import DeploymentPlace, DeploymentQuestion
from services.deployer.use_cases.browse import BrowseDeployments
from services.deployer.use_cases.order_deployment import DeploymentOrder, OrderDeployment
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.identifiers import DeploymentId, ScriptId
from shared.http import Problem
from shared.http.paging import Cursor, Limit, cursor_of, place_of


class Ordered(BaseModel):
    """A deployment that was accepted; `nodes` is how many it goes to."""

    deployment_id: str
    script_id: str
    version: int
    hash: str
    nodes: int


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
    next_cursor: str | None


class DeploymentPage(BaseModel):
    """A page of deployments, the newest first."""

    items: list[DeploymentView]
    next_cursor: str | None


def deployments_router(order: OrderDeployment, browse: BrowseDeployments) -> APIRouter:
    """The router of deployments."""
    router = APIRouter(prefix="/api/v1/group-ai/script-deployment", tags=["deployments"])

    @router.post(
        "/deploy/{script_id}",
        status_code=202,
        summary="Deploy a script to nodes",
        responses={404: {"description": "unknown script or version"}, 422: {"description": "unknown or no nodes"}},
    )
    async def deploy(
        script_id: Annotated[ScriptId, Path(description="the script's id", examples=["greeter"])], body: DeployBody
    ) -> Ordered:
        """Bring a version of a script to nodes, by name or by label.

        Accepted means stored: every node gets it, now or when it comes back. An older deployment of the same script
        that is still on its way to one of these nodes is superseded there.
        """
        wanted = DeploymentOrder(script_id, read_targets(body), body.version, body.bind, body.asked())
        ordered = await order(wanted)
        if not isinstance(ordered, Deployment):
            raise refusal(ordered, wanted)
        artifact = ordered.artifact
        return Ordered(
            deployment_id=ordered.id,
            script_id=artifact.id,
            version=artifact.version,
            hash=artifact.hash,
            nodes=ordered.total,
        )

    @router.get("/deployments", summary="List deployments")
    async def listed(
        limit: Limit = 100,
        cursor: Cursor = None,
        script_id: Annotated[ScriptId | None, Query(description="only of this script")] = None,
        state: Annotated[DeploymentState | None, Query(description="only in this state")] = None,
    ) -> DeploymentPage:
        """Deployments, the newest first."""
        found = await browse.page(DeploymentQuestion(script_id, state), _place(cursor), limit + 1)
        items = [DeploymentView.model_validate(_fields(one)) for one in found[:limit]]
        last = found[limit - 1] if len(found) > limit else None
        next_cursor = cursor_of(last.created_at.isoformat(), last.id) if last else None
        return DeploymentPage(items=items, next_cursor=next_cursor)

    @router.get(
        "/deployments/{deployment_id}",
        summary="A deployment and its deliveries",
        responses={404: {"description": "unknown"}},
    )
    async def one(deployment_id: DeploymentId, limit: Limit = 100, cursor: Cursor = None) -> DeploymentDetail:
        """The totals by state, and what became of the script on each node."""
        place = place_of(cursor, 1)
        found = await browse.one(deployment_id, place[0] if place else None, limit + 1)
        if found is None:
            raise Problem(404, "no-such-deployment", f"there is no deployment {deployment_id!r}")
        deployment, deliveries = found
        next_cursor = cursor_of(deliveries[limit - 1].node_id) if len(deliveries) > limit else None
        page = [_delivery(delivery) for delivery in deliveries[:limit]]
        return DeploymentDetail.model_validate(_fields(deployment) | {"deliveries": page, "next_cursor": next_cursor})

    return router


def _place(cursor: str | None) -> DeploymentPlace | None:
    place = place_of(cursor, 2)
    if place is None:
        return None
    try:
        return datetime.fromisoformat(place[0]), place[1]
    except ValueError:
        message = "is no cursor of this list: send the next_cursor of the page before, unchanged"
        errors = [{"field": "query.cursor", "message": message}]
        raise Problem(422, "invalid-request", f"query.cursor: {message}", errors=errors) from None


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
