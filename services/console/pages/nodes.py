"""The nodes of the fleet, and one node with its accounts, its scripts and its drift."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.pages.desk import Desk, Page, Region
from services.console.pages.listing import ROWS, read_listing
from services.console.texts.catalogue import marked as _

FILTERS = ("q", "status", "source", "label")
ACCOUNTS_SHOWN = 20


def nodes_pages(desk: Desk) -> APIRouter:
    """The list, and a node."""
    router = APIRouter(include_in_schema=False)

    @router.get("/nodes")
    async def nodes(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, FILTERS), desk.fleet(visitor)

        async def table() -> dict[str, Any]:
            return listing.told(await fleet.nodes.page(listing.question, listing.cursor, ROWS))

        page = Page("nodes", desk.told(request, _("Nodes")), [Region("table", table, "nodes~ drift~")], "nodes")
        return await desk.show(request, visitor, page, listing=listing)

    @router.get("/nodes/{node_id}")
    async def node(request: Request, node_id: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)

        async def now() -> dict[str, Any]:
            found = await fleet.nodes.one(node_id)
            return {"node": found, "drain": await fleet.assignments.drain_of(node_id) if found.draining else None}

        async def scripts() -> dict[str, Any]:
            found = await fleet.nodes.one(node_id)
            drift = await fleet.drift.page({"node_id": node_id}, None, ROWS)
            return {"node": found, "drift": {one.script_id: one for one in drift.items}}

        async def accounts() -> dict[str, Any]:
            page = await fleet.accounts.page({"node_id": node_id}, None, ACCOUNTS_SHOWN)
            return {"rows": page.items, "more": page.next_cursor is not None}

        regions = [
            Region("now", now, "nodes? accounts~"),
            Region("scripts", scripts, "nodes? drift"),
            Region("accounts", accounts, "accounts~ counters?"),
        ]
        page = Page("node", node_id, regions, "nodes")
        return await desk.show(request, visitor, page, node_id=node_id)

    return router
