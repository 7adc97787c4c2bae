"""Assignments over HTTP: which node runs which account, and what is wanted of a node.

An order is answered at once, with 202 and the assignment as it is then: `releasing` until the node that has the account
gives it back. The same order again changes nothing. Every refusal says what helps.
"""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query, status
from pydantic import ConfigDict, Field, Strict, TypeAdapter

from services.registry.domain.assignment_rows import AssignmentQuestion
from services.registry.domain.assignments import Takeover, Unassignable
from services.registry.domain.ports import FleetReader
from services.registry.domain.views import AssignmentView, DrainView, NodeView, View
from services.registry.use_cases.keep_policies import KeepPolicies
from services.registry.use_cases.order_assignment import UNKNOWN_ACCOUNT, UNKNOWN_NODE, OrderAssignment
from services.registry.use_cases.show_stranded import ShowStranded
from shared.contracts.assignments import MOST_ASSIGNED, AssignmentState
from shared.contracts.heartbeats import MOST_LABELS
from shared.contracts.identifiers import AccountId, Label, NodeId
from shared.http import Problem
from shared.http.fields import Body, EachOnce
from shared.http.paging import Cursor, Limit, Page, cursor_of, place_of
from shared.http.responses import AWAY, joined, problems

AccountPath = Annotated[AccountId, Path(description="the account's id", examples=["support_1"])]
NodePath = Annotated[NodeId, Path(description="the node's id", examples=["tokyo-1"])]
NodeFilter = Annotated[
    NodeId | None, Query(description="only of this node, which has them or gets them next", examples=["tokyo-1"])
]
StateFilter = Annotated[AssignmentState | None, Query(description="only in this state")]

NO_ACCOUNT = problems((404, UNKNOWN_ACCOUNT, "nobody has a login of such an account"))
NO_NODE = problems((404, UNKNOWN_NODE, "no node of this name has ever reported"))
STAYS_THERE = problems(
    (409, "node-gives-nothing-back", "the agent of its node is too old to give accounts back, or no agent"),
    (409, "node-not-enrolled", "the node has no keys: the login cannot be handed over"),
)
NOT_THERE = problems(
    (409, "no-login", "the vault has no login of the account"),
    (409, "node-takes-no-accounts", "the node's agent is too old to be assigned accounts, or no agent"),
    (409, "node-draining", "the node is being drained"),
    (409, "node-full", "the node has as many accounts as its capacity allows"),
)
Shown = TypeVar("Shown", bound=View)

_PLACE = TypeAdapter(tuple[AccountId])


class AssignRequest(Body):
    """Where the account shall run."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"node_id": "tokyo-1"}]})

    node_id: NodeId = Field(description="the node that is to run it")


class AccountPolicyRequest(Body):
    """What happens to an account whose node is dead."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"takeover": "move"}]})

    takeover: Takeover | None = Field(
        description="`wait` for the node; `move` to another one; null: as its node's policy"
    )


class NodePolicyRequest(Body):
    """What is wanted of a node; what is left out is set back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"takeover": "move", "capacity": 50}, {}]})

    takeover: Takeover = Field(
        default=Takeover.WAIT,
        description="what its accounts do when it is dead: `wait` for it, or `move` to nodes with room",
    )
    capacity: Annotated[int, Strict(), Field(ge=0, le=MOST_ASSIGNED)] | None = Field(
        default=None, description="how many accounts may be assigned to it; null: as many as an agent bears"
    )


class DrainRequest(Body):
    """Where a drained node's accounts may go."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"keep": ["site"]}, {}]})

    keep: Annotated[list[Label], EachOnce] = Field(
        default_factory=list,
        max_length=MOST_LABELS,
        description="names of labels whose values must be the same on the node that gets an account",
    )


def assignment_routers(
    reader: FleetReader, stranded: ShowStranded, order: OrderAssignment, policies: KeepPolicies
) -> list[APIRouter]:
    """Everything about assignments."""
    return [
        _lists(reader, stranded),
        _of_accounts(reader, stranded, order),
        _of_sessions(order),
        _of_nodes(policies),
    ]


def _lists(reader: FleetReader, stranded: ShowStranded) -> APIRouter:
    router = APIRouter(prefix="/api/v1/group-ai/assignments", tags=["assignments"], responses=AWAY)

    @router.get("", summary="List assignments")
    async def list_assignments(
        node_id: NodeFilter = None, state: StateFilter = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[AssignmentView]:
        """Which node has which account, by account; also accounts that no node has."""
        (after,) = place_of(cursor, _PLACE) or ("",)
        question = AssignmentQuestion(node_id, state)
        rows = await stranded.of_assignments(await reader.assignment_page(question, after, limit + 1))
        more = cursor_of(rows[limit - 1].account_id) if len(rows) > limit else None
        return Page(items=rows[:limit], next_cursor=more)

    return router


def _of_accounts(reader: FleetReader, stranded: ShowStranded, order: OrderAssignment) -> APIRouter:
    router = APIRouter(prefix="/api/v1/group-ai/accounts", tags=["assignments"], responses=AWAY)

    @router.get("/{account_id}/assignment", summary="Read the assignment of an account", responses=NO_ACCOUNT)
    async def read_assignment(account_id: AccountPath) -> AssignmentView:
        """Which node has the account, and where it goes next."""
        view = await reader.assignment(account_id)
        if view is None:
            why = f"nobody has a login of {account_id!r}: GET /api/v1/group-ai/assignments lists all"
            raise Problem(404, UNKNOWN_ACCOUNT, why)
        [shown] = await stranded.of_assignments([view])
        return shown

    @router.post(
        "/{account_id}/assignment",
        status_code=status.HTTP_202_ACCEPTED,
        summary="Assign or move an account",
        responses=joined(NO_ACCOUNT, NO_NODE, STAYS_THERE, NOT_THERE),
    )
    async def assign_account(account_id: AccountPath, request: AssignRequest) -> AssignmentView:
        """Run the account on this node.

        The node that has it disconnects it first and hands its newest state back; if that node is silent, its lease and
        a margin are waited for. Until then the account is `releasing` with this node as its `target`. An account is
        never live on two nodes.
        """
        return _done(await order(account_id, request.node_id))

    @router.delete(
        "/{account_id}/assignment",
        status_code=status.HTTP_202_ACCEPTED,
        summary="Take an account from its node",
        responses=joined(NO_ACCOUNT, STAYS_THERE),
    )
    async def release_account(account_id: AccountPath) -> AssignmentView:
        """Run the account nowhere: its node disconnects it and hands its newest state back to the vault."""
        return _done(await order(account_id, None))

    @router.put("/{account_id}/policy", summary="Say what happens when its node dies", responses=NO_ACCOUNT)
    async def set_account_policy(account_id: AccountPath, request: AccountPolicyRequest) -> AssignmentView:
        """Whether the account waits for a dead node or moves to another one."""
        return _done(await order.keep_policy(account_id, request.takeover))

    return router


def _of_sessions(order: OrderAssignment) -> APIRouter:
    router = APIRouter(prefix="/api/v1/group-ai/sessions", tags=["assignments"], responses=AWAY)

    @router.post(
        "/{account_id}/assign",
        status_code=status.HTTP_202_ACCEPTED,
        summary="Assign a session to a node",
        responses=joined(NO_ACCOUNT, NO_NODE, STAYS_THERE, NOT_THERE),
    )
    async def assign_session(account_id: AccountPath, request: AssignRequest) -> AssignmentView:
        """The same as to assign the account: its newest login goes to this node, sealed, and runs there alone."""
        return _done(await order(account_id, request.node_id))

    return router


def _of_nodes(policies: KeepPolicies) -> APIRouter:
    router = APIRouter(prefix="/api/v1/workers", tags=["assignments"], responses=joined(AWAY, NO_NODE))

    @router.get("/{node_id}/drain", summary="Read how far a node is drained")
    async def read_drain(node_id: NodePath) -> DrainView:
        """What the node still has, and of each account that has no place elsewhere the reason."""
        return _done(await policies.progress(node_id))

    @router.post(
        "/{node_id}/drain",
        status_code=status.HTTP_202_ACCEPTED,
        summary="Drain a node",
        responses=problems(
            (409, "node-gives-nothing-back", "the node's agent is too old to give accounts back, or no agent")
        ),
    )
    async def drain_node(node_id: NodePath, request: DrainRequest) -> DrainView:
        """Send the node's accounts to other nodes, and give it no new ones, until somebody ends that.

        Each account goes to an online node with room and with the same values of the labels in `keep`; among those the
        one whose labels are most alike, then the one with the fewest accounts. What has no place stays, is in
        `without_place` with the reason, and goes as soon as there is one.
        """
        return _done(await policies.drain(node_id, tuple(request.keep)))

    @router.delete("/{node_id}/drain", summary="End the draining of a node")
    async def undrain_node(node_id: NodePath) -> DrainView:
        """Let the node have accounts again. What is on its way to another node goes on, and nothing comes back."""
        return _done(await policies.undrain(node_id))

    @router.put("/{node_id}/policy", summary="Say what is wanted of a node")
    async def set_node_policy(node_id: NodePath, request: NodePolicyRequest) -> NodeView:
        """What happens to its accounts when it dies, and how many may be assigned to it."""
        return _done(await policies.set_policy(node_id, request.takeover, request.capacity))

    return router


def _done(outcome: Shown | Unassignable) -> Shown:
    if isinstance(outcome, Unassignable):
        missing = outcome.slug in (UNKNOWN_ACCOUNT, UNKNOWN_NODE)
        raise Problem(404 if missing else 409, outcome.slug, outcome.reason)
    return outcome
