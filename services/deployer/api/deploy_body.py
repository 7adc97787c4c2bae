"""The body of a deployment's order, and what is answered when it cannot be followed."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, Strict, StringConstraints, TypeAdapter, WrapValidator, model_validator

from services.deployer.api.scripts import no_such_script
from services.deployer.domain.rollout import PARTS, PLAIN, Rollout
from services.deployer.domain.selector import SelectorProblem, parse_selector
from services.deployer.domain.targets import NodeIds, NothingSelected, Targets, UnknownNodes
from services.deployer.use_cases.order_deployment import DeploymentOrder, NoSuchScript, NoSuchVersion, Refusal
from shared.contracts.identifiers import AccountId, NodeId
from shared.http import Problem
from shared.http.fields import Body, EachOnce, known_names
from shared.http.problems import invalid
from shared.http.responses import problems

# More fit into no body of the accepted size.
MOST_NODES = 50_000
MOST_ACCOUNTS = 5_000

NodeIdList = Annotated[list[NodeId], Field(min_length=1, max_length=MOST_NODES), EachOnce]
AccountIdList = Annotated[list[AccountId], Field(min_length=1, max_length=MOST_ACCOUNTS), EachOnce]
_ACCOUNTS = TypeAdapter(AccountIdList)

REFUSALS = problems(
    (404, "no-such-script", "nobody has pushed a script of this id"),
    (404, "no-such-version", "the script has no version of this number"),
    (422, "unknown-nodes", "some of the nodes have never reported"),
    (422, "nothing-selected", "the selector matches no known node"),
)


def _bind(given: object, _: object) -> object:
    """A union would answer a mistake with what each of its branches misses."""
    if given is None or given == "all":
        return given
    if isinstance(given, str):
        raise ValueError('must be null, "all", or a list of account ids')
    return _ACCOUNTS.validate_python(given)


class TargetBody(Body):
    """Which nodes (exactly one of `node_ids` and `selector`), and how carefully."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"node_ids": ["node-a", "node-b"]},
                {"selector": "site=tokyo", "rollout": {"groups": [1, "100%"]}},
            ]
        },
    )

    node_ids: NodeIdList | None = Field(default=None, description="these nodes, each of them known")
    selector: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None = Field(
        default=None,
        description="nodes by label: `site=tokyo,tier!=test`, or `all`; resolved now, unless `rollout.dynamic`",
    )
    rollout: Annotated[Rollout, known_names(Rollout, PARTS)] = Field(
        default=PLAIN, description="groups, pace, stop rules, timers and times; left out: one group, at once"
    )

    @model_validator(mode="after")
    def _joiners_match_a_selector(self) -> Self:
        if self.rollout.dynamic and self.selector is None:
            raise ValueError("rollout.dynamic needs a selector: late joiners are the nodes that match it later")
        return self

    @model_validator(mode="after")
    def _one_kind_of_target(self) -> Self:
        if (self.node_ids is None) == (self.selector is None):
            raise ValueError("give exactly one of node_ids and selector")
        return self

    def asked(self) -> dict[str, object]:
        """The targets as they were written."""
        return {"selector": self.selector} if self.node_ids is None else {"node_ids": self.node_ids}


class DeployBody(TargetBody):
    """Which nodes (exactly one of `node_ids` and `selector`), which version (null: the latest), for which accounts.

    `bind`: null leaves the accounts as they are, `"all"` makes every account of the node play this script, a list
    names them.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"node_ids": ["node-a", "node-b"], "version": None, "bind": "all"},
                {"selector": "region=eu,tier!=test", "version": 3, "bind": None},
                {"selector": "all", "bind": ["acc-1"]},
                {
                    "selector": "site=tokyo",
                    "rollout": {
                        "groups": [1, "10%", "100%"],
                        "success_percent": 95,
                        "rate": {"per_minute": 60, "factor": 2, "after_verified": 50, "most_per_minute": 600},
                        "stop": [{"failed_percent": 20, "least": 10, "then": "abort"}],
                        "timers": {"receive_seconds": 300, "apply_seconds": 600},
                        "window": {"from": "22:00", "to": "04:00", "days": ["mon", "tue"], "time_zone": "node"},
                        "deadline_seconds": 604800,
                    },
                },
            ]
        },
    )

    version: Annotated[int, Strict(), Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="the version; null: the latest"
    )
    bind: Annotated[Literal["all"] | AccountIdList | None, WrapValidator(_bind)] = Field(
        default=None, description="who plays it from now on; null: whoever does now"
    )


def read_order(script_id: str, body: DeployBody) -> DeploymentOrder:
    """The order that the body means. Raises Problem for an unreadable selector."""
    return DeploymentOrder(script_id, read_targets(body), body.version, body.bind, body.asked(), body.rollout)


def read_removal(script_id: str, body: TargetBody) -> DeploymentOrder:
    """The order to remove a script that the body means. Raises Problem for an unreadable selector."""
    return DeploymentOrder(script_id, read_targets(body), asked=body.asked(), rollout=body.rollout, removes=True)


def read_targets(body: TargetBody) -> Targets:
    """The targets that the body names. Raises Problem for an unreadable selector."""
    if body.node_ids is not None:
        return NodeIds(body.node_ids)
    selector = parse_selector(body.selector or "")
    if isinstance(selector, SelectorProblem):
        raise invalid([{"field": "body.selector", "message": selector.message}])
    return selector


def refusal(refused: Refusal, wanted: DeploymentOrder) -> Problem:
    """Problem details for an order that was not taken."""
    match refused:
        case NoSuchScript():
            return no_such_script(wanted.script_id)
        case NoSuchVersion(latest):
            detail = f"script {wanted.script_id!r} has no version {wanted.version}: the latest is {latest}"
            return Problem(404, "no-such-version", detail)
        case UnknownNodes(nodes):
            errors = [{"field": f"body.node_ids.{node.index}", "message": str(node)} for node in nodes]
            return invalid(errors, "unknown-nodes")
        case NothingSelected(known):
            message = f"matches none of the {known} known nodes; nothing was deployed"
            return invalid([{"field": "body.selector", "message": message}], "nothing-selected")
