"""`/api/v1/group-ai/script-deployment/deployments/{id}/…`: approve, pause, resume, abort, retry, roll back."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, Strict

from services.deployer.api.deployment_views import DeploymentView, deployment_view
from services.deployer.api.deployments import PREFIX, UNKNOWN, DeploymentDesk, Id, no_such_deployment
from services.deployer.domain.deployments import Deployment
from services.deployer.use_cases.order_again import NothingToRetry
from services.deployer.use_cases.steer_deployment import ChangedSince, NoSuchDeployment, NotPossible, OtherPlan
from shared.contracts.identifiers import ContentHash
from shared.http import Problem
from shared.http.fields import Body
from shared.http.responses import AWAY, problems

WRONG_STATE = problems((409, "wrong-state", "this cannot be done in the state in which the deployment is"))
NOTHING_TO_RETRY = problems((409, "nothing-to-retry", "none of its nodes has failed or timed out"))
# The answer is for people.
MOST_TOLD = 100
EXAMPLE_HASH = "sha256:" + "0" * 64


class ApproveBody(Body):
    """Which plan is approved."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"plan_hash": EXAMPLE_HASH}]})

    plan_hash: Annotated[ContentHash, Field(description="from the answer to the plan, or from the plan itself")]
    even_if_changed: Annotated[
        bool, Strict(), Field(description="start it although nodes are not as they were planned; the plan is made anew")
    ] = False


class LeftAloneView(BaseModel):
    """A node that is not rolled back, and why."""

    node_id: str
    reason: str


class RollbackView(BaseModel):
    """One deployment for each version that nodes had before, and the nodes that stay as they are."""

    deployments: list[DeploymentView]
    left_alone: list[LeftAloneView]


def changed_since(changed: ChangedSince) -> Problem:
    """What is different, node by node."""
    count = len(changed.differences)
    one = "1 node is" if count == 1 else f"{count} nodes are"
    errors = [{"field": each.now.node_id, "message": str(each)} for each in changed.differences[:MOST_TOLD]]
    return Problem(409, "changed-since", f"{one} not as planned any more; nothing was started", errors=errors)


def steering_router(desk: DeploymentDesk) -> APIRouter:
    """The router of what can be done with a deployment that is there."""
    router = APIRouter(
        prefix=f"{PREFIX}/deployments/{{deployment_id}}", tags=["deployments"], responses={**AWAY, **UNKNOWN}
    )

    @router.post("/approve", summary="Approve a plan", responses=problems(
        (409, "wrong-state", "it is not planned any more"),
        (409, "other-plan", "the hash is not that of the stored plan: read the plan again"),
        (409, "changed-since", "nodes have something else by now than when this was planned"),
    ))  # fmt: skip
    async def approve_plan(deployment_id: Id, body: ApproveBody) -> DeploymentView:
        """Let exactly the plan of this hash begin, at once or at its `start_at`.

        Nothing begins where nodes have something else by now than when this was planned, or play it with other
        accounts: the answer names them. Plan again, or say `even_if_changed`: then the plan for the same nodes is made
        anew, with another hash, and begins.
        """
        answer = await desk.steer.approve(deployment_id, body.plan_hash, even_if_changed=body.even_if_changed)
        if isinstance(answer, ChangedSince):
            raise changed_since(answer)
        if isinstance(answer, OtherPlan):
            detail = f"the stored plan is {answer.plan_hash}: read it, and approve that hash if it is what you want"
            raise Problem(409, "other-plan", detail)
        return deployment_view(_steered(deployment_id, answer, "approved"))

    @router.post("/pause", summary="Pause a deployment", responses=WRONG_STATE)
    async def pause_deployment(deployment_id: Id) -> DeploymentView:
        """Send nothing new. What was sent comes to its end; the deadline goes on."""
        return deployment_view(_steered(deployment_id, await desk.steer.pause(deployment_id), "paused"))

    @router.post("/resume", summary="Resume a deployment", responses=WRONG_STATE)
    async def resume_deployment(deployment_id: Id) -> DeploymentView:
        """Go on. The failures so far are forgiven: stop rules count only what comes from now on, and a group that fell
        short of its share is let pass.
        """
        return deployment_view(_steered(deployment_id, await desk.steer.resume(deployment_id), "resumed"))

    @router.post("/abort", summary="Abort a deployment", responses=WRONG_STATE)
    async def abort_deployment(deployment_id: Id) -> DeploymentView:
        """End it now. What is not verified yet is canceled, and nodes that have not applied it are told to forget it;
        nodes that have applied it keep it. A plan or a scheduled deployment is canceled.
        """
        return deployment_view(_steered(deployment_id, await desk.steer.abort(deployment_id), "aborted"))

    @router.post("/retry", status_code=202, summary="Retry the failed nodes", responses=NOTHING_TO_RETRY)
    async def retry_deployment(deployment_id: Id) -> DeploymentView:
        """A new deployment of the same version with the same policy, to the nodes that failed or timed out."""
        answer = await desk.again.retry(deployment_id)
        if isinstance(answer, NothingToRetry):
            raise Problem(409, "nothing-to-retry", "none of its nodes has failed or timed out: nothing was ordered")
        return deployment_view(_steered(deployment_id, answer, "retried"))

    @router.post("/rollback", status_code=202, summary="Roll a deployment back", responses=WRONG_STATE)
    async def rollback_deployment(deployment_id: Id) -> RollbackView:
        """Bring each node that was sent to back to the version that it had before; what is under way is aborted.

        There is one new deployment for each version, with the same policy, except that it waits for no window.
        `left_alone` names the other nodes: nothing
        was sent to them, or there is no version to go back to.
        """
        answer = await desk.again.rollback(deployment_id)
        if isinstance(answer, NoSuchDeployment | NotPossible):
            raise _refusal(deployment_id, answer, "rolled back")
        left = [LeftAloneView(node_id=one.node_id, reason=one.reason) for one in answer.left_alone]
        return RollbackView(deployments=[deployment_view(one) for one in answer.deployments], left_alone=left)

    return router


def _steered(deployment_id: str, answer: Deployment | NoSuchDeployment | NotPossible, what: str) -> Deployment:
    if isinstance(answer, Deployment):
        return answer
    raise _refusal(deployment_id, answer, what)


def _refusal(deployment_id: str, answer: NoSuchDeployment | NotPossible, what: str) -> Problem:
    if isinstance(answer, NoSuchDeployment):
        return no_such_deployment(deployment_id)
    return Problem(
        409, "wrong-state", f"the deployment is {answer.state.value}: it cannot be {what} any more, or not yet"
    )
