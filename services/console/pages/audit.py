"""The audit log: who did what, one chain for each service; for admins."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.audit import SERVICES
from services.console.pages.desk import Desk, Page, Region
from services.console.pages.listing import ROWS, read_listing
from services.console.texts.catalogue import marked as _

FILTERS = ("service", "actor", "phase")
PHASES = ("intent", "outcome", "refused", "sign-in")


def audit_pages(desk: Desk) -> APIRouter:
    """The log."""
    router = APIRouter(include_in_schema=False)

    @router.get("/audit")
    async def audit(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, FILTERS), desk.fleet(visitor)
        service = listing.asked("service") if listing.asked("service") in SERVICES else SERVICES[0]

        async def table() -> dict[str, Any]:
            question = {name: listing.asked(name) for name in ("actor", "phase")}
            return listing.told(await fleet.audit.page(service, question, listing.cursor, ROWS))

        page = Page("audit", desk.told(request, _("Audit log")), [Region("table", table)], "audit")
        return await desk.show(request, visitor, page, listing=listing, chains=SERVICES, service=service, phases=PHASES)

    return router
