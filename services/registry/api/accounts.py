"""`/api/v1/group-ai/accounts`: every account of every node, as it is shown to the operator."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import TypeAdapter

from services.registry.domain.ports import FleetReader
from services.registry.domain.views import (
    AccountPlace,
    AccountQuestion,
    AccountSummary,
    AccountView,
    ChangeView,
)
from shared.contracts.accounts import AccountStatus
from shared.contracts.identifiers import AccountId, NodeId, ScriptId
from shared.http import Problem
from shared.http.paging import Cursor, Limit, Page, cursor_of, place_of
from shared.http.responses import AWAY, problems

NodeFilter = Annotated[NodeId | None, Query(description="only of this node", examples=["tokyo-1"])]
AccountPath = Annotated[AccountId, Path(description="the account's id", examples=["support_1"])]
Statuses = Annotated[list[AccountStatus], Query(description="only with this status; may be given several times")]
Source = Annotated[
    Literal["local", "remote"] | None, Query(description="only of nodes on the back office's own machine, or elsewhere")
]
ScriptFilter = Annotated[ScriptId | None, Query(description="only those that play this script", examples=["greeter"])]
Part = Annotated[
    str | None, Query(max_length=100, description="part of an account's, node's, script's or session file's name")
]

UNKNOWN = problems((404, "unknown-account", "no node reports such an account"))
_PLACE = TypeAdapter(tuple[NodeId, AccountId])


def accounts_router(reader: FleetReader) -> APIRouter:
    """The Accounts API."""
    router = APIRouter(prefix="/api/v1/group-ai/accounts", tags=["accounts"], responses=AWAY)

    @router.get("", summary="List accounts")
    async def list_accounts(
        node_id: NodeFilter = None,
        status: Statuses = [],  # noqa: B006 -- FastAPI copies it
        source: Source = None,
        script_id: ScriptFilter = None,
        q: Part = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[AccountView]:
        """Accounts by node and id. The filters work on what is shown: an account of a silent node is offline."""
        question = AccountQuestion(node_id, tuple(status), source, script_id, q)
        rows = await reader.accounts(question, AccountPlace(*(place_of(cursor, _PLACE) or ("", ""))), limit + 1)
        more = cursor_of(rows[limit - 1].node_id, rows[limit - 1].account_id) if len(rows) > limit else None
        return Page(items=rows[:limit], next_cursor=more)

    @router.get("/summary", summary="Count nodes and accounts")
    async def count_accounts() -> AccountSummary:
        """Nodes and accounts by status, and the totals of the counters."""
        return await reader.summary()

    @router.get("/{account_id}", summary="Read an account", responses=UNKNOWN)
    async def read_account(account_id: AccountPath, node_id: NodeFilter = None) -> AccountView:
        """One account; the row that was updated last if it is on several nodes and `node_id` is not given."""
        view = await reader.account(account_id, node_id)
        if view is None:
            raise _unknown(account_id, node_id)
        return view

    @router.get("/{account_id}/changes", summary="List the changes of an account", responses=UNKNOWN)
    async def list_account_changes(
        account_id: AccountPath, node_id: NodeFilter = None, limit: Limit = 100
    ) -> Page[ChangeView]:
        """The account's history, newest first; at most `limit` changes, without further pages."""
        history = await reader.account_changes(account_id, node_id, limit)
        if not history and await reader.account(account_id, node_id) is None:
            raise _unknown(account_id, node_id)
        return Page(items=history, next_cursor=None)

    return router


def _unknown(account_id: str, node_id: str | None) -> Problem:
    where = f"node {node_id!r} reports" if node_id else "no node reports"
    missing = "no account" if node_id else "an account"
    detail = f"{where} {missing} {account_id!r}; GET /api/v1/group-ai/accounts lists all"
    return Problem(404, "unknown-account", detail)
