"""Scripts: their versions and differences, and the editor with the rehearsal beside it."""

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from services.console.clients.api import Refused
from services.console.domain.checking import check
from services.console.domain.rehearsing import MOST_DEEDS, Deed, rehearse
from services.console.pages.desk import Desk, Page, Region
from services.console.pages.listing import ROWS, read_listing
from services.console.pages.screen import SAFE_HEADERS
from services.console.session import refuse_other_origins
from services.console.texts.catalogue import marked as _
from shared.contracts.deliveries import LARGEST_ARTIFACT

# Checks are computing; two of them leave the rest of the console its time.
AT_ONCE = asyncio.Semaphore(2)

FIRST_LINES = """\
id: my-script
title: What it is for
chats: ["@my_chat"]

scenes:
  greeting:
    triggers:
      - message: {text: hello}
    steps:
      - reply: "Hello {{ sender }}, welcome!"

tests:
  - name: greets
    dialogue:
      - guest: hello
        as: Ana
      - expect: "Hello Ana, welcome!"
"""


class Draft(BaseModel):
    """A text that is being written, and what was done in its rehearsal."""

    source: str = Field(max_length=LARGEST_ARTIFACT)
    deeds: list[Deed] = Field(default_factory=list, max_length=MOST_DEEDS)


def scripts_pages(desk: Desk) -> APIRouter:
    """The list, a script, its versions, and the editor."""
    router = APIRouter(include_in_schema=False)

    @router.get("/scripts")
    async def scripts(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, ()), desk.fleet(visitor)

        async def table() -> dict[str, Any]:
            return listing.told(await fleet.scripts.page(listing.cursor, ROWS))

        page = Page("scripts", desk.told(request, _("Scripts")), [Region("table", table, "deployments~")], "scripts")
        return await desk.show(request, visitor, page)

    @router.get("/scripts/new")
    async def new(request: Request) -> Response:
        visitor = await desk.visitor(request)
        page = Page("editor", desk.told(request, _("New script")), (), "scripts")
        return await desk.show(request, visitor, page, script_id=None, source=FIRST_LINES)

    @router.post("/scripts/check")
    async def checked(request: Request, draft: Draft) -> Response:
        await desk.visitor(request)
        refuse_other_origins(request)
        async with AT_ONCE:
            verdict = await asyncio.to_thread(check, draft.source)
        return JSONResponse(asdict(verdict), headers=SAFE_HEADERS)

    @router.post("/scripts/rehearse")
    async def rehearsed(request: Request, draft: Draft) -> Response:
        visitor = await desk.visitor(request)
        refuse_other_origins(request)
        async with AT_ONCE:
            course = await asyncio.to_thread(rehearse, draft.source, draft.deeds)
        return desk.screen.fragment(request, visitor, "editor/chat.html", course=course)

    @router.post("/scripts")
    async def push(request: Request) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        source = form.text("source")
        try:
            stored = await desk.fleet(visitor).scripts.push(source)
        except Refused as refused:
            page = Page("editor", desk.told(request, _("Not stored")), (), "scripts", status=refused.status)
            known = form.one("script_id") or None
            return await desk.show(request, visitor, page, script_id=known, source=source, refusal=refused)
        told = _("Version %(version)s is stored. Push it to nodes to let them run it.")
        said = desk.told(request, told, version=stored.version)
        return desk.done(request, f"/scripts/{stored.script_id}", said)

    @router.get("/scripts/{script_id}")
    async def script(request: Request, script_id: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)

        async def versions() -> dict[str, Any]:
            return {"script": await fleet.scripts.one(script_id)}

        async def running() -> dict[str, Any]:
            page = await fleet.deployments.page({"script_id": script_id}, None, 8)
            return {"rows": page.items}

        regions = [
            Region("versions", versions, "deployments~"),
            Region("deployments", running, "deployments deliveries"),
        ]
        page = Page("script", script_id, regions, "scripts")
        return await desk.show(request, visitor, page, script_id=script_id)

    @router.get("/scripts/{script_id}/edit")
    async def edit(request: Request, script_id: str) -> Response:
        visitor = await desk.visitor(request)
        scripts = desk.fleet(visitor).scripts
        latest = (await scripts.one(script_id)).latest_version
        given = request.query_params.get("version", "")
        version = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else latest
        source = (await scripts.version(script_id, version)).source
        page = Page("editor", script_id, (), "scripts")
        return await desk.show(request, visitor, page, script_id=script_id, source=source)

    @router.get("/scripts/{script_id}/versions/{version}")
    async def one_version(request: Request, script_id: str, version: int) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)
        given = request.query_params.get("since", "")
        since = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else None

        async def text() -> dict[str, Any]:
            found, all_ = await asyncio.gather(fleet.scripts.version(script_id, version), fleet.scripts.one(script_id))
            return {"version": found, "versions": all_.versions}

        async def difference() -> dict[str, Any]:
            return {"difference": await fleet.scripts.difference(script_id, version, since)}

        page = Page(
            "script_version",
            f"{script_id} v{version}",
            [Region("difference", difference), Region("text", text)],
            "scripts",
        )
        return await desk.show(request, visitor, page, script_id=script_id, number=version, since=since)

    return router
