"""`/api/v1/workers`: nodes, and the heartbeat of workers that speak only HTTP.

Such a worker is a node like the others: its heartbeat is a full report, recorded in the same batches. Its boot is 0 and
its number the time, so it ranks below any agent on the bus: one node id is never driven from both.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, Field, model_validator

from services.registry.domain.lease import Refused
from services.registry.domain.ports import FleetReader
from services.registry.domain.views import NodeView, View
from services.registry.use_cases.take_in import TakeInHeartbeat
from shared.clock import Clock
from shared.contracts.accounts import AccountReport, AccountStatus, Count
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import MOST_ACCOUNTS, HeartbeatReported
from shared.contracts.identifiers import NODE_ID_PATTERN, AccountId, NodeId, ScriptId
from shared.http import Problem
from shared.http.api import Body
from shared.http.paging import Cursor, Limit, Page, cursor_of, place_of
from shared.messaging import Rejected

# A worker over HTTP has no ledger and no digests; the contract wants 32 digits of each.
NONE = "0" * 32


class WorkerAccount(Body):
    """One account of a worker."""

    account_id: AccountId
    status: AccountStatus
    script_id: ScriptId | None = None
    message_count: Count = 0
    reply_count: Count = 0
    last_activity: AwareDatetime | None = None
    session_file: str | None = Field(default=None, max_length=255)


class WorkerHeartbeatRequest(Body):
    """A worker's whole state. Accounts that are not in it are no longer on that worker."""

    node_id: NodeId
    status: AccountStatus = Field(
        default=AccountStatus.ONLINE,
        description="what the worker says of itself; that it reports is what makes it online",
    )
    account_count: Count | None = Field(default=None, description="must be the number of accounts, if given")
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

    node_id: str
    lease_seconds: float
    commands: list[dict[str, object]]


def workers_router(reader: FleetReader, take_in: TakeInHeartbeat, clock: Clock, lease_seconds: float) -> APIRouter:
    """The Workers API."""
    router = APIRouter(prefix="/api/v1/workers", tags=["workers"])
    numbers = _RisingNumbers(clock)

    @router.get("")
    async def list_workers(
        status: Annotated[NodeStatus | None, Query()] = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[NodeView]:
        """Nodes by id."""
        (after,) = place_of(cursor, 1) or ("",)
        rows = await reader.nodes(status, after, limit + 1)
        return Page(items=rows[:limit], next_cursor=cursor_of(rows[limit - 1].node_id) if len(rows) > limit else None)

    @router.get("/{node_id}")
    async def one_worker(node_id: Annotated[str, Path(pattern=NODE_ID_PATTERN)]) -> NodeView:
        """One node."""
        view = await reader.node(node_id)
        if view is None:
            detail = f"no node {node_id!r} has ever reported; GET /api/v1/workers lists all"
            raise Problem(404, "unknown-node", detail)
        return view

    @router.post("/heartbeat")
    async def heartbeat(request: WorkerHeartbeatRequest) -> WorkerHeartbeatResponse:
        """Record a worker's state; the answer is its lease, counted from when the worker sent the request."""
        try:
            outcome = await take_in.from_http(_as_beat(request, numbers.next(), clock))
        except Rejected as verdict:
            raise Problem(422, "unrecordable", str(verdict)) from verdict
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
