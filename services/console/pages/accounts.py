"""Every account of every node, one account, and all of them as a CSV file."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from services.console.clients.accounts import Account
from services.console.clients.api import Refused
from services.console.clients.fleet import Fleet
from services.console.clients.sessions import SessionVersion
from services.console.components.charts import by_hours
from services.console.pages.desk import Desk, Page, Region
from services.console.pages.listing import ROWS, Listing, read_listing
from services.console.pages.screen import SAFE_HEADERS
from services.console.texts.catalogue import marked as _

FILTERS = ("q", "status", "source", "node_id", "script_id", "label", "reason", "sort")
STATUSES = ("online", "connecting", "waiting", "limited", "error", "offline", "stopped")
CHANGES, VERSIONS = 100, 10
A_WEEK = 168
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def accounts_pages(desk: Desk) -> APIRouter:
    """The list, an account, and the export."""
    router = APIRouter(include_in_schema=False)

    @router.get("/accounts")
    async def accounts(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, FILTERS), desk.fleet(visitor)

        async def table() -> dict[str, Any]:
            return listing.told(await fleet.accounts.page(listing.question, listing.cursor, ROWS))

        async def tabs() -> dict[str, Any]:
            summary = await fleet.accounts.summary()
            return {"summary": summary, "total": sum(summary.accounts.values()), "listing": listing}

        regions = [Region("tabs", tabs, "accounts~ nodes~"), Region("table", table, "accounts~ counters?")]
        page = Page("accounts", desk.told(request, _("Accounts")), regions, "accounts")
        return await desk.show(request, visitor, page, listing=listing, statuses=STATUSES)

    @router.get("/accounts.csv")
    async def export(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, FILTERS), desk.fleet(visitor)
        # The first page is read before the answer begins: a refusal is then a page that says so.
        await fleet.accounts.page(listing.question, None, 1)
        headers = SAFE_HEADERS | {"content-disposition": 'attachment; filename="accounts.csv"'}
        return StreamingResponse(_csv(fleet, listing), media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/accounts/{node_id}/{account_id}")
    async def account(request: Request, node_id: str, account_id: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)

        async def now() -> dict[str, Any]:
            assignment = await fleet.assignments.one(account_id)
            account = await _reported(fleet, node_id, account_id, known=assignment is not None)
            named = {"node_id": node_id, "account_id": account_id}
            return {"account": account, "assignment": assignment, **named}

        async def counts() -> dict[str, Any]:
            found = await fleet.accounts.counts(node_id, account_id, A_WEEK)
            return {"chart": by_hours(found, desk.clock.now())}

        async def versions() -> dict[str, Any]:
            return {"versions": await _versions(fleet, account_id), "most": VERSIONS}

        async def history() -> dict[str, Any]:
            return {"changes": await fleet.accounts.changes(node_id, account_id, CHANGES), "most": CHANGES}

        regions = [
            Region("now", now, "accounts counters? nodes"),
            Region("counts", counts),
            Region("history", history, "accounts?"),
            Region("versions", versions, "sessions"),
        ]
        page = Page("account", account_id, regions, "accounts")
        return await desk.show(request, visitor, page, node_id=node_id, account_id=account_id)

    return router


async def _reported(fleet: Fleet, node_id: str, account_id: str, *, known: bool) -> Account | None:
    """What the node says of the account; None where it says nothing of one that is known: it was stopped, or moved."""
    try:
        return await fleet.accounts.one(node_id, account_id)
    except Refused as refused:
        if refused.status != 404 or not known:
            raise
        return None


async def _versions(fleet: Fleet, account_id: str) -> list[SessionVersion] | None:
    """The versions of the account's login; None where the vault has none."""
    try:
        return await fleet.sessions.versions(account_id, VERSIONS)
    except Refused as refused:
        if refused.status != 404:
            raise
        return None


async def _csv(fleet: Fleet, listing: Listing) -> AsyncIterator[str]:
    fields = list(Account.model_fields)
    yield _line(fields)
    async for account in fleet.accounts.all(listing.question):
        yield _line([_cell(value) for value in account.model_dump(mode="json").values()])


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: object) -> str:
    """A value that no spreadsheet runs: reasons and names come from outside."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
