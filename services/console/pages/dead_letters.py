"""Dead letters: what could not be handled and why; publish it again, or drop it for good."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Refused
from services.console.pages.desk import Desk, Page, Region
from services.console.texts.catalogue import marked as _

SHOWN = 100


def dead_letters_pages(desk: Desk) -> APIRouter:
    """The list, and its two acts."""
    router = APIRouter(include_in_schema=False)

    @router.get("/dead-letters")
    async def dead_letters(request: Request) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)

        async def table() -> dict[str, Any]:
            return {"letters": await fleet.dead_letters.listed(SHOWN), "most": SHOWN}

        regions = [Region("table", table)]
        page = Page("dead_letters", desk.told(request, _("Dead letters")), regions, "dead-letters")
        return await desk.show(request, visitor, page)

    @router.get("/dead-letters/{letter_id}/{how}")
    async def ask(request: Request, letter_id: str, how: str) -> Response:
        visitor = await desk.visitor(request)
        letter = await desk.fleet(visitor).dead_letters.one(letter_id)
        return await desk.ask(request, visitor, "dead_letters/ask.html", letter=letter, how=how, back="/dead-letters")

    @router.post("/dead-letters/{letter_id}/{how}")
    async def act(request: Request, letter_id: str, how: str) -> Response:
        visitor = await desk.visitor(request)
        await desk.form(request)
        letters = desk.fleet(visitor).dead_letters
        match how:
            case "replay":
                await letters.replay(letter_id)
                said = _("It was published again.")
            case "drop":
                await letters.drop(letter_id)
                said = _("It was dropped.")
            case _:
                raise Refused(404, "no-such-act", f"nothing called {how[:40]!r} can be done with a letter")
        return desk.done(request, "/dead-letters", desk.told(request, said))

    return router
