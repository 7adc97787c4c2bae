"""`/api/v1/workers`: nodes, and the heartbeat of workers that speak only HTTP.

Such a worker is a node like the others: its heartbeat is a full report, recorded in the same batches. Its boot is 0 and
its number the time, so it ranks below any agent, whatever way that one takes: one node id is never driven from both.
The answer brings its commands. What the document says is all that the author of a worker has: it must be enough.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import ConfigDict, Field, Strict, TypeAdapter, model_validator

from services.registry.api.enrolments import refuse_revoked
from services.registry.api.filters import LabelFilter, Source, label_of
from services.registry.api.node_rates import TOO_MUCH, NodeRates
from services.registry.api.worker_orders import (
    HAS_AN_AGENT,
    REVOKED,
    WorkerOrder,
    WorkerTests,
    as_orders,
    has_an_agent,
)
from services.registry.domain.lease import Refused
from services.registry.domain.ports import FleetReader
from services.registry.domain.views import NodeQuestion, NodeView, View
from services.registry.use_cases.cut_off import CutOff
from services.registry.use_cases.hand_over_orders import HandOverOrders
from services.registry.use_cases.take_in import TakeInHeartbeat
from shared.clock import Clock
from shared.contracts.accounts import AccountReport, AccountStatus, Count
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import MOST_ACCOUNTS, MOST_ARTIFACTS, MOST_LABELS, HeartbeatReported, NodeFacts
from shared.contracts.identifiers import AccountId, ContentHash, Label, NodeId, ScriptId
from shared.http import Problem
from shared.http.fields import Body, Moment
from shared.http.paging import Cursor, Limit, Page, cursor_of, place_of
from shared.http.responses import AWAY, problems
from shared.http.roles import Role, requires, speaks_for

# A worker over HTTP has no ledger and no digests; the contract wants 32 digits of each.
NONE = "0" * 32

Number = Annotated[Count, Strict()]
_PLACE = TypeAdapter(tuple[NodeId])


class WorkerAccount(Body):
    """One account of a worker. Counters are totals; they may begin anew, and are shown as they are sent."""

    account_id: AccountId
    status: AccountStatus = Field(
        description="`online`; `waiting` for a time that Telegram asked for; `limited`; `error`; or on its way there"
    )
    script_id: ScriptId | None = Field(default=None, description="the script that it plays; null: none")
    message_count: Number = Field(default=0, description="messages that it has heard")
    reply_count: Number = Field(default=0, description="messages that it has sent")
    last_activity: Moment | None = Field(default=None, description="when it last heard or sent one")
    session_file: str | None = Field(default=None, max_length=255, description="the name of its session file")


class WorkerArtifact(Body):
    """A script that a worker runs now."""

    id: ScriptId = Field(description="the script's id")
    version: Annotated[int, Strict(), Field(ge=1, le=2**31 - 1, description="from the order that brought it")]
    hash: ContentHash = Field(description="of the exact bytes that are loaded")
    tests_passed: Annotated[bool, Strict()] = Field(
        default=False, description="whether none of the script's own tests failed on the worker"
    )
    tests: WorkerTests | None = Field(default=None, description="how many of them ran and passed, if it is known")


class WorkerHeartbeatRequest(Body):
    """A worker's whole state. Accounts that are not in it are no longer on that worker."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "node_id": "tokyo-1",
                    "status": "online",
                    "account_count": 1,
                    "accounts": [
                        {
                            "account_id": "support_1",
                            "status": "online",
                            "script_id": "greeter",
                            "message_count": 120,
                            "reply_count": 31,
                            "last_activity": "2026-01-01T12:00:00Z",
                            "session_file": "support_1.session",
                        }
                    ],
                    "artifacts": [{"id": "greeter", "version": 3, "hash": "sha256:" + "ab" * 32, "tests_passed": True}],
                    "labels": {"site": "tokyo"},
                },
                {"node_id": "tokyo-1", "accounts": []},
            ]
        }
    )

    node_id: NodeId = Field(description="the worker's name, unique in the fleet and the same after a restart")
    status: AccountStatus = Field(
        default=AccountStatus.ONLINE,
        description="what the worker says of itself; that it reports is what makes it online",
    )
    account_count: Number | None = Field(default=None, description="must be the number of accounts, if given")
    accounts: list[WorkerAccount] = Field(default_factory=list, max_length=MOST_ACCOUNTS)
    artifacts: list[WorkerArtifact] = Field(default_factory=list, max_length=MOST_ARTIFACTS)
    labels: dict[Label, Label] = Field(
        default_factory=dict, max_length=MOST_LABELS, description="what selectors of deployments may ask for"
    )
    hostname: str = Field(default="", max_length=255, description="the machine, for people")
    version: str = Field(default="", max_length=64, description="the worker's own version, for people")

    @model_validator(mode="after")
    def _fits_together(self) -> "WorkerHeartbeatRequest":
        if self.account_count is not None and self.account_count != len(self.accounts):
            raise ValueError(f"account_count is {self.account_count} but accounts has {len(self.accounts)}")
        if len({account.account_id for account in self.accounts}) != len(self.accounts):
            raise ValueError("accounts names an account twice")
        if len({artifact.id for artifact in self.artifacts}) != len(self.artifacts):
            raise ValueError("artifacts names a script twice")
        return self


class WorkerHeartbeatResponse(View):
    """The worker may run its accounts for so many seconds, and has these orders."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"node_id": "tokyo-1", "lease_seconds": 30.0, "commands": []}]}
    )

    node_id: str
    lease_seconds: float = Field(description="how long, counted from when the request was sent")
    commands: list[WorkerOrder] = Field(description="what is ordered of the worker, oldest first, handed over once")


def workers_router(
    reader: FleetReader,
    take_in: TakeInHeartbeat,
    hand_over: HandOverOrders,
    cut_off: CutOff,
    rates: NodeRates,
    clock: Clock,
    lease_seconds: float,
) -> APIRouter:
    """The Workers API."""
    router = APIRouter(prefix="/api/v1/workers", tags=["workers"], responses=AWAY)
    numbers = _RisingNumbers(clock)

    @router.get("", summary="List nodes")
    async def list_workers(
        status: Annotated[NodeStatus | None, Query(description="only those that are so")] = None,
        source: Source = None,
        label: LabelFilter = None,
        q: Annotated[str | None, Query(max_length=100, description="part of a node's id or of its host's name")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[NodeView]:
        """Nodes by id: state, lease, labels, and the scripts that each has loaded."""
        (after,) = place_of(cursor, _PLACE) or ("",)
        rows = await reader.nodes(NodeQuestion(status, source, label_of(label), q), after, limit + 1)
        return Page(items=rows[:limit], next_cursor=cursor_of(rows[limit - 1].node_id) if len(rows) > limit else None)

    @router.get(
        "/{node_id}",
        summary="Read a node",
        responses=problems((404, "unknown-node", "no node of this name has ever reported")),
    )
    async def read_worker(
        node_id: Annotated[NodeId, Path(description="the node's id", examples=["tokyo-1"])],
    ) -> NodeView:
        """One node, as it last reported and as the registry judges it."""
        view = await reader.node(node_id)
        if view is None:
            detail = f"no node {node_id!r} has ever reported; GET /api/v1/workers lists all"
            raise Problem(404, "unknown-node", detail)
        return view

    @router.post(
        "/heartbeat",
        summary="Report the state of a worker",
        responses=problems(HAS_AN_AGENT, REVOKED, TOO_MUCH),
        dependencies=[Depends(requires(Role.NODE)), Depends(rates)],
    )
    async def report_heartbeat(asked: Request, request: WorkerHeartbeatRequest) -> WorkerHeartbeatResponse:
        """The heartbeat of a worker that speaks only HTTP: its whole state, recorded; the answer is its lease.

        The first report makes the worker known; nothing else is needed. Report again three times in each lease, for
        instance every `lease_seconds / 3`, and at once when something important changes.

        The lease is the permission to run accounts: `lease_seconds`, counted from the moment at which the request was
        *sent*. Without a newer answer the worker must disconnect its accounts before the lease ends, because from then
        on it counts as offline and its accounts may be given to another one. A session that is live in two places at
        once is destroyed by Telegram.

        `commands` are the orders that wait for the worker, each handed over once; `GET …/commands` waits for them.
        Name what is loaded in `artifacts`: a script that a node should have and does not name counts as missing.

        Sending the same report again does no harm. After 429, 503, or no answer, send it again after a few seconds;
        after 409 stop: another program has this `node_id`.
        """
        speaks_for(asked, request.node_id)
        refuse_revoked(cut_off, request.node_id)
        outcome = await take_in.from_http(_as_beat(request, numbers.next(), clock))
        if isinstance(outcome, Refused):
            raise has_an_agent(request.node_id, outcome.refusal.newest_boot)
        orders = as_orders(await hand_over.with_a_beat(request.node_id))
        return WorkerHeartbeatResponse(node_id=request.node_id, lease_seconds=lease_seconds, commands=orders)

    return router


class _RisingNumbers:
    """Numbers of beats over HTTP: microseconds of the clock, and never one twice in this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        self._last = max(self._last + 1, int(self._clock.now().timestamp() * 1_000_000))
        return self._last


def _as_beat(request: WorkerHeartbeatRequest, number: int, clock: Clock) -> HeartbeatReported:
    return HeartbeatReported(
        node_id=request.node_id,
        boot=0,
        seq=number,
        ledger_id=NONE,
        full=True,
        digest=NONE,
        account_count=len(request.accounts),
        changed=[AccountReport(**account.model_dump()) for account in request.accounts],
        node=NodeFacts(hostname=request.hostname, agent_version=request.version, labels=request.labels),
        artifacts=[AppliedArtifact(**artifact.model_dump()) for artifact in request.artifacts],
        sent_at=clock.now(),
    )
