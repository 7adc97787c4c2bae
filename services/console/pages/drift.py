"""Drift: nodes that lost what was verified on them, or have something newer, and what to do about each."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Refused
from services.console.pages.desk import Desk, Page, Region
from services.console.pages.listing import ROWS, read_listing
from services.console.texts.catalogue import marked as _

FILTERS = ("node_id", "script_id", "state")


def drift_pages(desk: Desk) -> APIRouter:
    """The list, and its two acts."""
    router = APIRouter(include_in_schema=False)

    @router.get("/drift")
    async def drift(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, FILTERS), desk.fleet(visitor)

        async def table() -> dict[str, Any]:
            return listing.told(await fleet.drift.page(listing.question, listing.cursor, ROWS))

        page = Page("drift", desk.told(request, _("Drift")), [Region("table", table, "drift")], "drift")
        return await desk.show(request, visitor, page, listing=listing)

    @router.get("/drift/{node_id}/{script_id}/{how}")
    async def ask(request: Request, node_id: str, script_id: str, how: str) -> Response:
        visitor = await desk.visitor(request)
        found = await desk.fleet(visitor).drift.page({"node_id": node_id, "script_id": script_id}, None, 1)
        if not found.items:
            raise Refused(404, "no-such-drift", desk.told(request, _("The node has what it should have.")))
        return await desk.ask(request, visitor, "drift/ask.html", one=found.items[0], how=how, back="/drift")

    @router.post("/drift/{node_id}/{script_id}/{how}")
    async def act(request: Request, node_id: str, script_id: str, how: str) -> Response:
        visitor = await desk.visitor(request)
        await desk.form(request)
        if how == "adopt":
            await desk.fleet(visitor).drift.settle(node_id, script_id, "adopt")
            said = _("From now on this is what the node should have.")
        else:
            await desk.fleet(visitor).drift.settle(node_id, script_id, "overwrite")
            said = _("The version is being brought back.")
        return desk.done(request, "/drift", desk.told(request, said))

    return router
