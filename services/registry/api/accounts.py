"""`/api/v1/group-ai/accounts`: every account of every node, as it is shown to the operator."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.registry.domain.ports import FleetReader
from services.registry.domain.views import (
    AccountPlace,
    AccountQuestion,
    AccountSummary,
    AccountView,
    ChangeView,
)
from shared.contracts.accounts import AccountStatus
from shared.contracts.identifiers import ACCOUNT_ID_PATTERN, NODE_ID_PATTERN, SCRIPT_ID_PATTERN
from shared.http import Problem
from shared.http.paging import Cursor, Limit, Page, cursor_of, place_of

NodeFilter = Annotated[str | None, Query(pattern=NODE_ID_PATTERN)]
AccountPath = Annotated[str, Path(pattern=ACCOUNT_ID_PATTERN)]
Statuses = Annotated[list[AccountStatus], Query(description="may be given several times")]
Source = Annotated[str | None, Query(pattern="^(local|remote)$")]
ScriptFilter = Annotated[str | None, Query(pattern=SCRIPT_ID_PATTERN)]
Part = Annotated[
    str | None,
    Query(max_length=100, pattern=r"^[^\x00]*$", description="part of an account, node, script or session file name"),
]


def accounts_router(reader: FleetReader) -> APIRouter:
    """The Accounts API."""
    router = APIRouter(prefix="/api/v1/group-ai/accounts", tags=["accounts"])

    @router.get("")
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
        rows = await reader.accounts(question, AccountPlace(*(place_of(cursor, 2) or ("", ""))), limit + 1)
        more = cursor_of(rows[limit - 1].node_id, rows[limit - 1].account_id) if len(rows) > limit else None
        return Page(items=rows[:limit], next_cursor=more)

    @router.get("/summary")
    async def summarise() -> AccountSummary:
        """Nodes and accounts by status, and the totals of the counters."""
        return await reader.summary()

    @router.get("/{account_id}")
    async def one_account(account_id: AccountPath, node_id: NodeFilter = None) -> AccountView:
        """One account; the row that was updated last if it is on several nodes and `node_id` is not given."""
        view = await reader.account(account_id, node_id)
        if view is None:
            raise _unknown(account_id, node_id)
        return view

    @router.get("/{account_id}/changes")
    async def changes(account_id: AccountPath, node_id: NodeFilter = None, limit: Limit = 100) -> Page[ChangeView]:
        """The account's history, newest first."""
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
