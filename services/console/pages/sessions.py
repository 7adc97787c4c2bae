"""Sessions: the vault of logins. Uploads come file by file, so that each has its own progress and its own refusal."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Refused
from services.console.pages.desk import Desk, Page, Region, act_of
from services.console.pages.listing import ROWS, read_listing
from services.console.pages.screen import SAFE_HEADERS
from services.console.session import refuse_other_origins
from services.console.texts.catalogue import marked as _

VERSIONS = 100
# What the vault takes; the origin lets a little more through, so that the refusal is said on the page.
LARGEST = 32 * 1024 * 1024
ACTS = ("assign", "use", "sync", "remove")


def sessions_pages(desk: Desk) -> APIRouter:
    """The list, an account's login with its versions, and the acts."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sessions")
    async def sessions(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, ()), desk.fleet(visitor)

        async def table() -> dict[str, Any]:
            return listing.told(await fleet.sessions.page(listing.cursor, ROWS))

        page = Page(
            "sessions", desk.told(request, _("Sessions")), [Region("table", table, "sessions accounts~")], "sessions"
        )
        return await desk.show(request, visitor, page)

    @router.post("/sessions/upload")
    async def upload(request: Request) -> Response:
        visitor = await desk.visitor(request)
        refuse_other_origins(request)
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > LARGEST:
                raise Refused(413, "body-too-large", desk.told(request, _("The file is too large to be a session.")))
        name = request.query_params.get("name", "session")[:200]
        result = await desk.fleet(visitor).sessions.upload(name, bytes(content))
        return desk.screen.fragment(request, visitor, "sessions/uploaded.html", result=result)

    @router.get("/sessions/string")
    async def ask_string(request: Request) -> Response:
        visitor = await desk.visitor(request)
        return await desk.ask(request, visitor, "sessions/string.html", back="/sessions")

    @router.post("/sessions/string")
    async def string(request: Request) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        await desk.fleet(visitor).sessions.add_string(form.one("account_id"), form.one("session"))
        return desk.done(request, "/sessions", desk.told(request, _("Stored.")))

    @router.get("/sessions/{account_id}")
    async def session(request: Request, account_id: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)

        async def now() -> dict[str, Any]:
            one = await fleet.sessions.one(account_id)
            assignment, sync = await asyncio.gather(
                fleet.assignments.one(account_id), fleet.sessions.sync_of(account_id)
            )
            return {"session": one, "assignment": assignment, "sync": sync}

        async def versions() -> dict[str, Any]:
            return {"versions": await fleet.sessions.versions(account_id, VERSIONS), "most": VERSIONS}

        regions = [Region("now", now, "sessions accounts~"), Region("versions", versions, "sessions")]
        return await desk.show(
            request, visitor, Page("session", account_id, regions, "sessions"), account_id=account_id
        )

    @router.get("/sessions/{account_id}/download")
    async def download(request: Request, account_id: str) -> Response:
        visitor = await desk.visitor(request)
        given = request.query_params.get("version", "")
        version = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else None
        content = await desk.fleet(visitor).sessions.download(account_id, version)
        headers = SAFE_HEADERS | {"content-disposition": 'attachment; filename="login.session"'}
        return Response(content, media_type="application/vnd.sqlite3", headers=headers)

    @router.get("/sessions/{account_id}/{what}")
    async def ask(request: Request, account_id: str, what: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)
        hosts = await fleet.nodes.hosts() if act_of(what, ACTS, "a session") == "assign" else []
        return await desk.ask(
            request, visitor, "session/ask.html", account_id=account_id, what=what, back=f"/sessions/{account_id}",
            session=await fleet.sessions.one(account_id), version=request.query_params.get("version", ""),
            nodes=hosts,
        )  # fmt: skip

    @router.post("/sessions/{account_id}/{what}")
    async def act(request: Request, account_id: str, what: str) -> Response:
        visitor = await desk.visitor(request)
        form, fleet = await desk.form(request), desk.fleet(visitor)
        to, said = f"/sessions/{account_id}", ""
        match act_of(what, ACTS, "a session"):
            case "assign":
                await fleet.assignments.assign(account_id, form.one("to"))
                said = desk.told(request, _("It goes to %(node)s as soon as nobody else runs it."), node=form.one("to"))
            case "use":
                await fleet.sessions.use(account_id, int(form.one("version") or 0))
                said = desk.told(
                    request, _("This version is current now. A node that runs the account starts again with it.")
                )
            case "sync":
                node_id = (await fleet.sessions.sync(account_id)).node_id
                said = desk.told(
                    request, _("%(node)s is asked for it: see when it was last handed back."), node=node_id
                )
            case _:
                await fleet.sessions.remove(account_id)
                to, said = "/sessions", desk.told(request, _("The login is forgotten with all its versions."))
        return desk.done(request, to, said)

    return router
