"""`/api/v1/audit/{service}`: the service's audit log, for admins. Each service has a chain, and each chain a page.

The rows are given whole, so that whoever asks can compute the chain anew and need not believe the service's word.
"""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.audit.chain import Phase
from shared.audit.log import AuditLog, Question
from shared.http.fields import Moment
from shared.http.paging import Cursor, Limit, Page, cursor_of, place_of
from shared.http.recording import not_recorded
from shared.http.responses import AWAY
from shared.http.roles import Role, requires

PREFIX = "/api/v1/audit"
TAG = {"audit": "Who did what: an append-only log whose rows are chained by their hashes."}

Number = Annotated[int, Field(ge=0, le=2**62)]
_PLACE = TypeAdapter(tuple[Number])


class AuditRow(BaseModel):
    """A row. `hash` is the SHA-256 of the hash of the row before, a line break, and the rest as canonical JSON."""

    model_config = ConfigDict(from_attributes=True)

    service: str
    number: int = Field(description="counted from 1, without gaps")
    at: datetime
    phase: Phase = Field(
        description="`intent`: before it was done; `outcome`: what came of it; `refused`: the role did not allow it; "
        "`sign-in`: somebody had no valid token"
    )
    request_id: str = Field(description="the same in all rows of one request, and in `X-Request-Id` of its answer")
    actor: str
    role: str | None
    method: str
    route: str = Field(description="the path's template")
    path: str
    subject: dict[str, str] = Field(description="the path's parameters")
    fields: dict[str, str | int | bool | list[str | int | bool | None] | None] = Field(
        description="what is no secret of the body; in an outcome, of the answer"
    )
    status: int | None
    problem: str | None
    body_hash: str | None = Field(description="of the body, keyed with the installation's token")
    address: str | None
    hash: str


def audit_router(log: AuditLog) -> APIRouter:
    """The pages of one chain."""
    router = APIRouter(prefix=f"{PREFIX}/{log.service}", tags=["audit"], responses=AWAY)

    @router.get(
        "",
        name=f"list_{log.service}_audit",
        summary=f"List the {log.service}'s audit log",
        dependencies=[Depends(requires(Role.ADMIN)), Depends(not_recorded)],
    )
    async def list_audit(
        limit: Limit = 100,
        cursor: Cursor = None,
        order: Annotated[
            Literal["newest", "oldest"], Query(description="which come first; to compute the chain, the oldest")
        ] = "newest",
        actor: Annotated[str | None, Query(max_length=100, description="only of this actor")] = None,
        phase: Annotated[Phase | None, Query(description="only of this kind")] = None,
        request_id: Annotated[str | None, Query(max_length=64, description="only of this request")] = None,
        since: Annotated[Moment | None, Query(description="only from then on")] = None,
    ) -> Page[AuditRow]:
        """Rows of this service's chain: each change with its intent and its outcome, and whatever was refused."""
        place = place_of(cursor, _PLACE)
        question = Question(
            actor=actor,
            phase=phase,
            request_id=request_id,
            since=since,
            newest_first=order == "newest",
            place=place[0] if place else None,
        )
        rows = await log.page(question, limit + 1)
        more = cursor_of(str(rows[limit - 1].number)) if len(rows) > limit else None
        return Page(items=[AuditRow.model_validate(row) for row in rows[:limit]], next_cursor=more)

    return router
