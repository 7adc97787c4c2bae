"""The whole vault: a backup of it to keep elsewhere, and bringing back what is missing; for admins.

Neither is ever whole in the console: a backup is handed on as it is made, an archive as it comes in.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from services.console.pages.desk import Desk, Form
from services.console.pages.screen import SAFE_HEADERS
from services.console.session import refuse_other_origins
from services.console.texts.catalogue import marked as _

FILE_NAME = "callboard-sessions.age"


def vault_pages(desk: Desk) -> APIRouter:
    """The questions and the acts. Their paths come before those of single sessions."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sessions/backup")
    async def ask_backup(request: Request) -> Response:
        visitor = await desk.visitor(request)
        return await desk.ask(request, visitor, "sessions/backup.html", back="/sessions")

    @router.post("/sessions/backup")
    async def back_up(request: Request) -> Response:
        visitor = await desk.visitor(request)
        archive = await desk.fleet(visitor).sessions.back_up(wanted_in(await desk.form(request)))
        headers = SAFE_HEADERS | {"content-disposition": f'attachment; filename="{FILE_NAME}"'}
        return StreamingResponse(_pieces(archive), media_type="application/octet-stream", headers=headers)

    @router.get("/sessions/restore")
    async def ask_restore(request: Request) -> Response:
        visitor = await desk.visitor(request)
        return await desk.ask(request, visitor, "sessions/restore.html", back="/sessions")

    @router.post("/sessions/restore")
    async def restore(request: Request) -> Response:
        visitor = await desk.visitor(request)
        refuse_other_origins(request)
        check_only = "check" in request.query_params
        form_type = request.headers.get("content-type", "")
        result = await desk.fleet(visitor).sessions.restore(request.stream(), form_type, check_only)
        counted = {"accounts": len(result.items), "added": result.added, "there": result.there}
        if check_only:
            return await desk.ask(request, visitor, "sessions/checked.html", back="/sessions/restore", **counted)
        told = _("Restored: %(added)s versions came back, %(there)s were there already.")
        return desk.done(request, "/sessions", desk.told(request, told, **counted))

    return router


def wanted_in(form: Form) -> dict[str, Any]:
    """The body that the form means; what is missing in it, the deployer says."""
    body: dict[str, Any] = {"current_only": form.one("current_only") == "yes"}
    if form.one("lock") == "recipients":
        return body | {"recipients": form.text("recipients").split()}
    return body | {"passphrase": form.text("passphrase")}


async def _pieces(archive: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in archive.aiter_bytes():
            yield piece
    finally:
        await archive.aclose()
