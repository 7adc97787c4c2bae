"""`/api/v1/workers`: nodes, and the heartbeat of workers that speak only HTTP.

Such a worker is a node like the others: its heartbeat is a full report, recorded in the same batches. Its boot is 0 and
its number the time, so it ranks below any agent on the bus: one node id is never driven from both. What the document
says of the heartbeat is all that the author of a worker has: it must be enough.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field, Strict, TypeAdapter, model_validator

from services.registry.domain.lease import Refused
from services.registry.domain.ports import FleetReader
from services.registry.domain.views import NodeView, View
from services.registry.use_cases.take_in import TakeInHeartbeat
from shared.clock import Clock
from shared.contracts.accounts import AccountReport, AccountStatus, Count
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import MOST_ACCOUNTS, HeartbeatReported
from shared.contracts.identifiers import AccountId, NodeId, ScriptId
from shared.http import Problem
from shared.http.fields import Body, Moment
from shared.http.paging import Cursor, Limit, Page, cursor_of, place_of
from shared.http.responses import AWAY, problems

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

    @model_validator(mode="after")
    def _fits_together(self) -> "WorkerHeartbeatRequest":
        if self.account_count is not None and self.account_count != len(self.accounts):
            raise ValueError(f"account_count is {self.account_count} but accounts has {len(self.accounts)}")
        if len({account.account_id for account in self.accounts}) != len(self.accounts):
            raise ValueError("accounts names an account twice")
        return self


class WorkerHeartbeatResponse(View):
    """The worker may run its accounts for so many seconds, and has these orders."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"node_id": "tokyo-1", "lease_seconds": 30.0, "commands": []}]}
    )

    node_id: str
    lease_seconds: float = Field(description="how long, counted from when the request was sent")
    commands: list[dict[str, object]] = Field(description="always empty in this version: ignore what is unknown")


def workers_router(reader: FleetReader, take_in: TakeInHeartbeat, clock: Clock, lease_seconds: float) -> APIRouter:
    """The Workers API."""
    router = APIRouter(prefix="/api/v1/workers", tags=["workers"], responses=AWAY)
    numbers = _RisingNumbers(clock)

    @router.get("", summary="List nodes")
    async def list_workers(
        status: Annotated[NodeStatus | None, Query(description="only those that are so")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[NodeView]:
        """Nodes by id: state, lease, labels, and the scripts that each has loaded."""
        (after,) = place_of(cursor, _PLACE) or ("",)
        rows = await reader.nodes(status, after, limit + 1)
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
        responses=problems((409, "node-reports-over-the-bus", "an agent on the message bus has this node_id")),
    )
    async def report_heartbeat(request: WorkerHeartbeatRequest) -> WorkerHeartbeatResponse:
        """The heartbeat of a worker that speaks only HTTP: its whole state, recorded; the answer is its lease.

        The first report makes the worker known; nothing else is needed. Report again three times in each lease, for
        instance every `lease_seconds / 3`, and at once when something important changes.

        The lease is the permission to run accounts: `lease_seconds`, counted from the moment at which the request was
        *sent*. Without a newer answer the worker must disconnect its accounts before the lease ends, because from then
        on it counts as offline and its accounts may be given to another one. A session that is live in two places at
        once is destroyed by Telegram.

        Sending the same report again does no harm. After 503, or no answer, send it again after a few seconds; after
        409 stop: another program has this `node_id`.
        """
        outcome = await take_in.from_http(_as_beat(request, numbers.next(), clock))
        if isinstance(outcome, Refused):
            detail = (
                f"node {request.node_id!r} reports over the message bus since boot {outcome.refusal.newest_boot}: "
                "stop that agent's second start, or give this worker a node_id of its own"
            )
            raise Problem(409, "node-reports-over-the-bus", detail)
        return WorkerHeartbeatResponse(node_id=request.node_id, lease_seconds=lease_seconds, commands=[])

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
        sent_at=clock.now(),
    )
