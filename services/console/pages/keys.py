"""Keys: those that orders are signed with, and how far a change of one is; the vault's master keys; for admins.

Sealing the vault anew goes step by step, as the deployer does it: each answer is a form that the page's script sends
for the next step, until nothing is left or nothing moves any more. Whoever closes it stops it; what is done stays done.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.keys import Key
from services.console.pages.desk import Desk, Page, Region
from services.console.pages.forms import number_in
from services.console.texts.catalogue import marked as _


def keys_pages(desk: Desk) -> APIRouter:
    """The list, and the two changes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/keys")
    async def keys(request: Request) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)

        async def signing() -> dict[str, Any]:
            listed = await fleet.keys.all()
            return {"serial": listed.serial, "rows": listed.keys, "step": step_of(listed.keys)}

        page = Page("keys", desk.told(request, _("Keys")), [Region("signing", signing)], "keys")
        return await desk.show(request, visitor, page)

    @router.get("/keys/rotate")
    async def whether_to_rotate(request: Request) -> Response:
        visitor = await desk.visitor(request)
        return await desk.ask(request, visitor, "keys/rotate.html", back="/keys")

    @router.post("/keys/rotate")
    async def rotate(request: Request) -> Response:
        visitor = await desk.visitor(request)
        await desk.form(request)
        await desk.fleet(visitor).keys.rotate()
        return desk.done(
            request, "/keys", desk.told(request, _("The next key is made. Every online node is told now."))
        )

    @router.get("/keys/reseal")
    async def whether_to_reseal(request: Request) -> Response:
        visitor = await desk.visitor(request)
        return await desk.ask(request, visitor, "keys/reseal.html", back="/keys")

    @router.post("/keys/reseal")
    async def reseal(request: Request) -> Response:
        visitor = await desk.visitor(request)
        before = number_in((await desk.form(request)).one("resealed"))
        step = await desk.fleet(visitor).keys.reseal()
        done = (before if isinstance(before, int) else 0) + step.resealed
        # Where nothing could be sealed anew the next step would not either: a key is missing.
        template = "keys/resealing.html" if step.left and step.resealed else "keys/resealed.html"
        others = ", ".join(key for key, count in step.under.items() if count and key != step.active)
        return await desk.ask(request, visitor, template, step=step, done=done, others=others, back="/keys")

    return router


def step_of(keys: list[Key]) -> str | None:
    """How far a change of the signing key is: nodes are told of the `next`, or the `former` still counts."""
    states = {key.state for key in keys if key.purpose == "signing"}
    return next((state for state in ("next", "former") if state in states), None)
