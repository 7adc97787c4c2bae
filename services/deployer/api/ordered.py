"""What an accepted order answers: the deployment, and the accounts that it takes away from other scripts."""

from typing import Literal

from pydantic import BaseModel

from services.deployer.domain.takeovers import Takeover
from services.deployer.use_cases.order_deployment import Ordered
from shared.contracts.deployments import DeploymentState

# The answer is for people; all bindings of ten thousand nodes would not be read.
MOST_LOSSES = 100


class LossView(BaseModel):
    """The accounts of a node that stop playing the other script: `"all"` that have none of their own, or these."""

    node_id: str
    accounts: Literal["all"] | list[str]


class OverlapView(BaseModel):
    """A message that both scripts would answer: the scene of the new one, the scene of the other, and where."""

    message: str
    scene: str
    other_scene: str
    chats: list[str]


class TakeoverView(BaseModel):
    """A script that loses accounts: an account plays one script.

    `nodes` lists the first hundred of `node_count`. `same_messages` is looked for in the first ten such scripts, with
    the messages that the scripts themselves give.
    """

    script_id: str
    version: int
    node_count: int
    nodes: list[LossView]
    same_messages: list[OverlapView]


class OrderedView(BaseModel):
    """A deployment that was accepted; `nodes` is how many it goes to, `takes_over` what it ends elsewhere.

    One that is `planned` begins when its `plan_hash` is approved. `removes`: the script is taken away. On `unplayed` of
    the nodes no account will play it: `bind` says who does.
    """

    deployment_id: str
    script_id: str
    version: int
    hash: str
    removes: bool
    nodes: int
    unplayed: int
    state: DeploymentState
    plan_hash: str | None
    takes_over: list[TakeoverView]


def view_of(ordered: Ordered) -> OrderedView:
    """The answer."""
    artifact = ordered.deployment.artifact
    return OrderedView(
        deployment_id=ordered.deployment.id,
        script_id=artifact.id,
        version=artifact.version,
        hash=artifact.hash,
        removes=ordered.deployment.removes,
        nodes=ordered.deployment.total,
        unplayed=ordered.unplayed,
        state=ordered.deployment.state,
        plan_hash=ordered.deployment.plan_hash,
        takes_over=[_takeover(one) for one in ordered.takeovers],
    )


def _takeover(takeover: Takeover) -> TakeoverView:
    return TakeoverView(
        script_id=takeover.script_id,
        version=takeover.version,
        node_count=len(takeover.losses),
        nodes=[
            LossView(node_id=loss.node_id, accounts="all" if loss.accounts is None else list(loss.accounts))
            for loss in takeover.losses[:MOST_LOSSES]
        ],
        same_messages=[
            OverlapView(message=one.message, scene=one.scene, other_scene=one.other_scene, chats=list(one.chats))
            for one in takeover.same_messages
        ],
    )
