"""A live tail of what happens: the newest events, with filters. What came before the console started is not here."""

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.live.window import EVENTS, Happened
from services.console.pages.desk import Desk, Page, Region
from services.console.pages.listing import read_listing
from services.console.texts.catalogue import marked as _

SHOWN = 100
MOST_NAMED = 5
# In a line they only take room; the event is shown whole with a click.
UNSAID = ("at", "boot", "seq", "sealing_key")
NAMES = ("account_id", "node_id", "id")
FILTERS = ("kind", "q")
# Beginnings of types, as they are offered.
KINDS = ("fleet.node", "fleet.accounts-changed", "fleet.accounts-counted", "deploy.deployment", "deploy.delivery",
         "deploy.drift", "fleet.assignment", "deploy.session")  # fmt: skip


def events_pages(desk: Desk) -> APIRouter:
    """The tail."""
    router = APIRouter(include_in_schema=False)

    @router.get("/events")
    async def events(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing = read_listing(request, FILTERS)
        kind, part = listing.asked("kind"), listing.asked("q").lower()

        def wanted(event: Happened) -> bool:
            return event.type.startswith(kind) and (not part or part in event.data.lower())

        async def tail() -> dict[str, Any]:
            found = desk.window.newest(SHOWN, wanted)
            return {"events": [(event, gist(event.data), _whole(event.data)) for event in found]}

        page = Page("events", desk.told(request, _("Events")), [Region("tail", tail, EVENTS)], "events")
        return await desk.show(request, visitor, page, listing=listing, kinds=KINDS)

    return router


def _whole(data: str) -> str:
    """The event as a person reads JSON."""
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except ValueError:
        return data


def gist(data: str) -> list[tuple[str, str]]:
    """The event's fields in short: lists as the names in them, anything else of several parts as its plain values."""
    try:
        fields = json.loads(data)
    except ValueError:
        return [("", data)]
    if not isinstance(fields, dict):
        return [("", data)]
    shown = []
    for name, value in fields.items():
        if value in (None, [], {}, "") or name in UNSAID:
            continue
        text = _short(value)
        shown.append((name, text if len(text) <= 120 else f"{text[:119]}…"))
    return shown


def _short(value: object) -> str:
    match value:
        case str():
            return value
        case list():
            more = f" +{len(value) - MOST_NAMED}" if len(value) > MOST_NAMED else ""
            return ", ".join(_named(one) for one in value[:MOST_NAMED]) + more
        case dict():
            return " ".join(f"{name}={one}" for name, one in value.items() if isinstance(one, str | int) and one != "")
        case _:
            return json.dumps(value)


def _named(one: object) -> str:
    """What a part of a list is called, with its state if it has one."""
    if not isinstance(one, dict):
        return _short(one)
    name = next((str(one[key]) for key in NAMES if key in one), _short(one))
    return f"{name} {one['status']}" if "status" in one else name
