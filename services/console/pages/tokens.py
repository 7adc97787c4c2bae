"""Tokens: who may sign in, with which role; for admins."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.pages.desk import Desk, Page, Region
from services.console.pages.listing import ROWS, read_listing
from services.console.texts.catalogue import marked as _

VALID = {"": _("until it is revoked"), "86400": _("a day"), "2592000": _("30 days"), "31536000": _("a year")}


def tokens_pages(desk: Desk) -> APIRouter:
    """The list, making one, revoking one."""
    router = APIRouter(include_in_schema=False)

    @router.get("/tokens")
    async def tokens(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, ()), desk.fleet(visitor)

        async def table() -> dict[str, Any]:
            return listing.told(await fleet.tokens.page(listing.cursor, ROWS))

        page = Page("tokens", desk.told(request, _("Tokens")), [Region("table", table)], "tokens")
        return await desk.show(request, visitor, page)

    @router.get("/tokens/new")
    async def ask(request: Request) -> Response:
        visitor = await desk.visitor(request)
        return await desk.ask(request, visitor, "tokens/new.html", valid=VALID, back="/tokens")

    @router.post("/tokens/new")
    async def make(request: Request) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        seconds = form.one("valid_seconds")
        body = {
            "name": form.one("name"),
            "role": form.one("role"),
            "valid_seconds": int(seconds) if seconds and seconds in VALID else None,
        }
        made = await desk.fleet(visitor).tokens.make(body)
        return await desk.ask(request, visitor, "tokens/made.html", made=made, back="/tokens")

    @router.get("/tokens/{token_id}/revoke")
    async def whether(request: Request, token_id: str) -> Response:
        visitor = await desk.visitor(request)
        name = request.query_params.get("name", "")
        return await desk.ask(request, visitor, "tokens/revoke.html", name=name, back="/tokens")

    @router.post("/tokens/{token_id}/revoke")
    async def revoke(request: Request, token_id: str) -> Response:
        visitor = await desk.visitor(request)
        await desk.form(request)
        await desk.fleet(visitor).tokens.revoke(token_id)
        return desk.done(request, "/tokens", desk.told(request, _("Revoked. What it had open is cut within seconds.")))

    return router
