"""`/api/v1/group-ai/accounts`: every account of every node, as it is shown to the operator."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, StringConstraints, TypeAdapter

from services.registry.api.filters import LabelFilter, Source, label_of
from services.registry.domain.ports import FleetReader
from services.registry.domain.views import (
    AccountPlace,
    AccountQuestion,
    AccountSort,
    AccountSummary,
    AccountView,
    CauseView,
    ChangeView,
    CountView,
    place_of_account,
)
from services.registry.use_cases.show_stranded import ShowStranded
from shared.contracts.accounts import AccountStatus
from shared.contracts.identifiers import AccountId, NodeId, ScriptId
from shared.http import Problem
from shared.http.paging import Cursor, Limit, Page, cursor_of, place_of
from shared.http.responses import AWAY, problems

# More than anybody reads at a glance; the list has the others.
MOST_CAUSES = 20
# A week, which is what is kept.
MOST_HOURS = 168

NodeFilter = Annotated[NodeId | None, Query(description="only of this node", examples=["tokyo-1"])]
AccountPath = Annotated[AccountId, Path(description="the account's id", examples=["support_1"])]
Statuses = Annotated[list[AccountStatus], Query(description="only with this status; may be given several times")]
ScriptFilter = Annotated[ScriptId | None, Query(description="only those that play this script", examples=["greeter"])]
Part = Annotated[
    str | None, Query(max_length=100, description="part of an account's, node's, script's or session file's name")
]

Reason = Annotated[
    str | None, Query(max_length=500, description="only those whose node gives exactly this reason for their state")
]
Hours = Annotated[int, Query(ge=1, le=MOST_HOURS, description="the most hours that are given")]

Sort = Annotated[
    Literal[
        "node", "account", "status", "script", "messages", "replies", "activity",
        "-node", "-account", "-status", "-script", "-messages", "-replies", "-activity",
    ],
    Query(description="what they are sorted by; with `-` the largest or newest first"),
]  # fmt: skip

UNKNOWN = problems((404, "unknown-account", "no node reports such an account"))
_NUMBER = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
_MOMENT = Annotated[str, StringConstraints(pattern=r"^(-infinity|\d{4}-\d\d-\d\dT[0-9:.]{8,15}(Z|[+-]\d\d:\d\d))$")]
_NAME = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
_VALUES = {
    AccountSort.MESSAGES: TypeAdapter(tuple[NodeId, AccountId, _NUMBER]),
    AccountSort.REPLIES: TypeAdapter(tuple[NodeId, AccountId, _NUMBER]),
    AccountSort.ACTIVITY: TypeAdapter(tuple[NodeId, AccountId, _MOMENT]),
}
_PLACE = TypeAdapter(tuple[NodeId, AccountId, _NAME])


class Causes(BaseModel):
    """The most frequent causes."""

    items: list[CauseView]


class Counts(BaseModel):
    """Hours of an account."""

    items: list[CountView]


def accounts_router(reader: FleetReader, stranded: ShowStranded) -> APIRouter:
    """The Accounts API."""
    router = APIRouter(prefix="/api/v1/group-ai/accounts", tags=["accounts"], responses=AWAY)

    @router.get("", summary="List accounts")
    async def list_accounts(
        node_id: NodeFilter = None,
        status: Statuses = [],  # noqa: B006 -- FastAPI copies it
        source: Source = None,
        script_id: ScriptFilter = None,
        label: LabelFilter = None,
        reason: Reason = None,
        q: Part = None,
        sort: Sort = "node",
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[AccountView]:
        """Accounts, by node and id unless `sort` says otherwise.

        The filters work on what is shown: an account of a silent node is offline.
        """
        by, descending = AccountSort(sort.lstrip("-")), sort.startswith("-")
        question = AccountQuestion(
            node_id, tuple(status), source, script_id, q, label_of(label), reason, sort=by, descending=descending
        )
        after = AccountPlace(*(place_of(cursor, _VALUES.get(by, _PLACE)) or ()))
        rows = await stranded.of_accounts(await reader.accounts(question, after, limit + 1))
        if len(rows) <= limit:
            return Page(items=rows, next_cursor=None)
        last = place_of_account(rows[limit - 1], by)
        return Page(items=rows[:limit], next_cursor=cursor_of(last.node_id, last.account_id, last.value))

    @router.get("/summary", summary="Count nodes and accounts")
    async def count_accounts() -> AccountSummary:
        """Nodes and accounts by status, and the totals of the counters."""
        return await reader.summary()

    @router.get("/causes", summary="Count accounts by cause")
    async def count_causes() -> Causes:
        """Why accounts are in error or limited, the most frequent reason first; `reason` lists the accounts of one."""
        return Causes(items=await reader.causes(MOST_CAUSES))

    @router.get("/{account_id}", summary="Read an account", responses=UNKNOWN)
    async def read_account(account_id: AccountPath, node_id: NodeFilter = None) -> AccountView:
        """One account; the row that was updated last if it is on several nodes and `node_id` is not given."""
        view = await reader.account(account_id, node_id)
        if view is None:
            raise _unknown(account_id, node_id)
        [shown] = await stranded.of_accounts([view])
        return shown

    @router.get("/{account_id}/changes", summary="List the changes of an account", responses=UNKNOWN)
    async def list_account_changes(
        account_id: AccountPath, node_id: NodeFilter = None, limit: Limit = 100
    ) -> Page[ChangeView]:
        """The account's history, newest first; at most `limit` changes, without further pages."""
        history = await reader.account_changes(account_id, node_id, limit)
        if not history and await reader.account(account_id, node_id) is None:
            raise _unknown(account_id, node_id)
        return Page(items=history, next_cursor=None)

    @router.get("/{account_id}/counts", summary="List the counts of an account", responses=UNKNOWN)
    async def list_account_counts(
        account_id: AccountPath, node_id: NodeFilter = None, hours: Hours = MOST_HOURS
    ) -> Counts:
        """What the account heard and sent in each hour, newest first; hours in which it did neither are left out.

        Counters are looked at once a minute, and a week of hours is kept.
        """
        found = await reader.account_counts(account_id, node_id, hours)
        if not found and await reader.account(account_id, node_id) is None:
            raise _unknown(account_id, node_id)
        return Counts(items=found)

    return router


def _unknown(account_id: str, node_id: str | None) -> Problem:
    where = f"node {node_id!r} reports" if node_id else "no node reports"
    missing = "no account" if node_id else "an account"
    detail = f"{where} {missing} {account_id!r}; GET /api/v1/group-ai/accounts lists all"
    return Problem(404, "unknown-account", detail)
