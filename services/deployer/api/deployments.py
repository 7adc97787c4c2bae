"""`/api/v1/group-ai/script-deployment`: order a deployment, and see how far it has come."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field, TypeAdapter

from services.deployer.api.deploy_body import REFUSALS, DeployBody, TargetBody, read_order, read_removal, refusal
from services.deployer.api.deployment_views import (
    DeploymentDetail,
    DeploymentPage,
    PlanView,
    delivery_view,
    deployment_fields,
    deployment_view,
    entry_view,
)
from services.deployer.api.ordered import OrderedView, view_of
from services.deployer.domain.deployment_rows import DeploymentQuestion
from services.deployer.domain.rollout import Rollout
from services.deployer.use_cases.browse import BrowseDeployments
from services.deployer.use_cases.order_again import OrderAgain
from services.deployer.use_cases.order_deployment import DeploymentOrder, OrderDeployment, Ordered
from services.deployer.use_cases.steer_deployment import SteerDeployment
from shared.contracts.deployments import DeploymentState
from shared.contracts.identifiers import DeploymentId, NodeId, ScriptId
from shared.http import Problem
from shared.http.fields import Moment
from shared.http.paging import Cursor, Limit, cursor_of, place_of
from shared.http.responses import AWAY, problems

PREFIX = "/api/v1/group-ai/script-deployment"
EXAMPLE_ID = "dep_" + "0" * 32
Id = Annotated[DeploymentId, Path(description="from the answer to the order", examples=[EXAMPLE_ID])]
Script = Annotated[ScriptId, Path(description="the script's id", examples=["greeter"])]
UNKNOWN = problems((404, "no-such-deployment", "no deployment has this id"))
_PLACE = TypeAdapter(tuple[Moment, DeploymentId])
_NODE_PLACE = TypeAdapter(tuple[NodeId])
_PLAN_PLACE = TypeAdapter(tuple[Annotated[int, Field(ge=0, le=1000)], NodeId])


@dataclass(frozen=True, slots=True)
class DeploymentDesk:
    """What the doors of deployments ask."""

    order: OrderDeployment
    steer: SteerDeployment
    again: OrderAgain
    browse: BrowseDeployments


def no_such_deployment(deployment_id: str) -> Problem:
    """Nothing has this id."""
    return Problem(404, "no-such-deployment", f"there is no deployment {deployment_id!r}")


def deployments_router(desk: DeploymentDesk) -> APIRouter:
    """The router of deployments."""
    router = APIRouter(prefix=PREFIX, tags=["deployments"], responses=AWAY)

    @router.post("/deploy/{script_id}", status_code=202, summary="Deploy a script to nodes", responses=REFUSALS)
    async def deploy_script(script_id: Script, body: DeployBody) -> OrderedView:
        """Bring a version of a script to nodes, by name or by label.

        Accepted means stored: every node gets it, now or when it comes back. `rollout` says in which groups, how fast,
        how many failures are too many, how long each step may take, and when; without it everything goes at once. With
        `rollout.approval` only the plan is stored, with `rollout.start_at` it waits for its time. An older deployment
        of the same script that is still on its way to one of these nodes is superseded there when this one begins.
        `takes_over` names the scripts that lose accounts to this one, and the messages that both would have answered;
        on `unplayed` of the nodes no account plays it, now or then, until an order with `bind` says who does.
        """
        return await ordered(read_order(script_id, body))

    @router.post("/remove/{script_id}", status_code=202, summary="Remove a script from nodes", responses=REFUSALS)
    async def remove_script(script_id: Script, body: TargetBody) -> OrderedView:
        """Take a script away from nodes, by name or by label.

        The opposite of a deployment, and a deployment itself: with the same states, groups and rules, on the same list,
        verified when the node reports that nothing of the script is loaded there. Accounts that played it play nothing
        until something else is ordered for them. The script and its versions stay in the back office. A node that
        brings it back, as one that was restored from an old image does, drifts, and it is removed again.
        """
        return await ordered(read_removal(script_id, body))

    @router.post("/plan/{script_id}", status_code=202, summary="Plan a deployment", responses=REFUSALS)
    async def plan_deployment(script_id: Script, body: DeployBody) -> OrderedView:
        """Store what a deployment with this body would do, and do nothing yet.

        `GET …/deployments/{deployment_id}/plan` shows what each node has now, what it will have and what it loses; to
        approve the `plan_hash` starts exactly that. A plan that nobody approves within 24 hours is canceled.
        """
        wanted = read_order(script_id, body)
        rollout: Rollout = wanted.rollout.model_copy(update={"approval": True})
        return await ordered(
            DeploymentOrder(script_id, wanted.targets, wanted.version, wanted.bind, wanted.asked, rollout)
        )

    async def ordered(wanted: DeploymentOrder) -> OrderedView:
        answer = await desk.order(wanted)
        if not isinstance(answer, Ordered):
            raise refusal(answer, wanted)
        return view_of(answer)

    @router.get("/deployments", summary="List deployments")
    async def list_deployments(
        limit: Limit = 100,
        cursor: Cursor = None,
        script_id: Annotated[ScriptId | None, Query(description="only of this script")] = None,
        state: Annotated[DeploymentState | None, Query(description="only in this state")] = None,
    ) -> DeploymentPage:
        """Deployments, the newest first, each with the totals of its deliveries by state."""
        found = await desk.browse.page(DeploymentQuestion(script_id, state), place_of(cursor, _PLACE), limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        next_cursor = cursor_of(last.created_at.isoformat(), last.id) if last else None
        return DeploymentPage(items=[deployment_view(one) for one in found[:limit]], next_cursor=next_cursor)

    @router.get("/deployments/{deployment_id}", summary="Read a deployment", responses=UNKNOWN)
    async def read_deployment(deployment_id: Id, limit: Limit = 100, cursor: Cursor = None) -> DeploymentDetail:
        """The totals by state and by group, the failures by cause, and what became of the script on each node."""
        place = place_of(cursor, _NODE_PLACE)
        found = await desk.browse.one(deployment_id, place[0] if place else None, limit + 1)
        if found is None:
            raise no_such_deployment(deployment_id)
        deployment, deliveries = found
        next_cursor = cursor_of(deliveries[limit - 1].node_id) if len(deliveries) > limit else None
        page = [delivery_view(delivery) for delivery in deliveries[:limit]]
        fields = deployment_fields(deployment) | {"deliveries": page, "next_cursor": next_cursor}
        return DeploymentDetail.model_validate(fields)

    @router.get("/deployments/{deployment_id}/plan", summary="Read a deployment's plan", responses=UNKNOWN)
    async def read_plan(deployment_id: Id, limit: Limit = 100, cursor: Cursor = None) -> PlanView:
        """For each node its group, what it had when this was planned, what it will have, and what it loses."""
        found = await desk.browse.plan(deployment_id, place_of(cursor, _PLAN_PLACE), limit + 1)
        if found is None:
            raise no_such_deployment(deployment_id)
        deployment, entries = found
        last = entries[limit - 1] if len(entries) > limit else None
        return PlanView(
            deployment_id=deployment.id,
            plan_hash=deployment.plan_hash,
            state=deployment.state,
            total=deployment.total,
            items=[entry_view(entry) for entry in entries[:limit]],
            next_cursor=cursor_of(str(last.group), last.node_id) if last else None,
        )

    return router
