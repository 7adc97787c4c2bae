"""The first page: the fleet in numbers, what needs attention, what is under way."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Away, Refused
from services.console.clients.fleet import Fleet
from services.console.components.charts import chart
from services.console.components.formats import count
from services.console.pages.desk import Desk, Page, Region
from services.console.texts.catalogue import marked as _

# More causes than that are read in the lists themselves.
MOST_FINDINGS = 6
MOST_LOOKED_AT = 500


@dataclass(frozen=True)
class Finding:
    """Something that needs attention; `address` is the list that shows it."""

    title: str
    detail: str
    count: str
    address: str
    tone: str


def overview_pages(desk: Desk) -> APIRouter:
    """The overview."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def overview(request: Request) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)

        async def counts() -> dict[str, Any]:
            summary = await fleet.accounts.summary()
            accounts, nodes = sum(summary.accounts.values()), sum(summary.nodes.values())
            return {"summary": summary, "accounts_total": accounts, "nodes_total": nodes}

        async def rates() -> dict[str, Any]:
            return {"chart": chart(desk.rates.rates, desk.clock.now())}

        async def running() -> dict[str, Any]:
            pages = await asyncio.gather(
                *(fleet.deployments.page({"state": state}, None, 5) for state in ("running", "paused", "scheduled"))
            )
            return {"deployments": [one for page in pages for one in page.items]}

        async def attention() -> dict[str, Any]:
            return await _attention(desk, request, fleet)

        regions = [
            Region("counts", counts, "accounts~ nodes~ counters~"),
            Region("attention", attention, "accounts~ nodes~ drift deployments"),
            Region("rates", rates, "rates"),
            Region("running", running, "deployments deliveries"),
        ]
        page = Page("overview", desk.told(request, _("Overview")), regions, "overview")
        return await desk.show(request, visitor, page)

    return router


async def _attention(desk: Desk, request: Request, fleet: Fleet) -> dict[str, Any]:
    """Every question by itself: one service that is away hides only what it alone knows."""
    questions: list[Callable[[Desk, Request, Fleet], Awaitable[list[Finding]]]] = [
        _errors,
        _silent,
        _stranded,
        _drifted,
        _paused,
        _dead,
    ]
    outcomes = await asyncio.gather(*(ask(desk, request, fleet) for ask in questions), return_exceptions=True)
    findings: list[Finding] = []
    away: set[str] = set()
    for outcome in outcomes:
        match outcome:
            case list():
                findings += outcome
            case Away(service=service):
                away.add(service)
            case Refused(status=403):
                pass
            case BaseException():
                raise outcome
    return {"findings": findings, "away": sorted(away)}


async def _errors(desk: Desk, request: Request, fleet: Fleet) -> list[Finding]:
    causes = await fleet.accounts.causes()
    titles = {
        "error": desk.told(request, _("Accounts in error")),
        "limited": desk.told(request, _("Accounts limited by Telegram")),
    }
    return [
        Finding(
            titles[one.status],
            desk.reason(request, one.reason),
            count(one.accounts),
            "/accounts?" + urlencode({"status": one.status.value} | ({"reason": one.reason} if one.reason else {})),
            "bad" if one.status == "error" else "warn",
        )
        for one in causes[:MOST_FINDINGS]
    ]


async def _silent(desk: Desk, request: Request, fleet: Fleet) -> list[Finding]:
    silent = (await fleet.accounts.summary()).nodes.get("offline", 0)
    if not silent:
        return []
    title = desk.told(request, _("Silent nodes"))
    detail = desk.told(request, _("Their lease has ended; their accounts count as offline."))
    return [Finding(title, detail, str(silent), "/nodes?status=offline", "bad")]


async def _stranded(desk: Desk, request: Request, fleet: Fleet) -> list[Finding]:
    page = await fleet.accounts.page({"status": ["offline"]}, None, MOST_LOOKED_AT)
    number = sum(account.stranded for account in page.items)
    if not number:
        return []
    title = desk.told(request, _("Accounts without a place"))
    detail = desk.told(request, _("Their node is dead and they shall move, but no other node takes them."))
    return [Finding(title, detail, f"{number}{'+' if page.next_cursor else ''}", "/accounts?status=offline", "bad")]


async def _drifted(desk: Desk, request: Request, fleet: Fleet) -> list[Finding]:
    page = await fleet.drift.page({}, None, MOST_LOOKED_AT)
    if not page.items:
        return []
    number = f"{len({one.node_id for one in page.items})}{'+' if page.next_cursor else ''}"
    title = desk.told(request, _("Drifted nodes"))
    detail = desk.told(request, _("They no longer have what was verified on them."))
    return [Finding(title, detail, number, "/drift", "warn")]


async def _paused(desk: Desk, request: Request, fleet: Fleet) -> list[Finding]:
    page = await fleet.deployments.page({"state": "paused"}, None, 10)
    title = desk.told(request, _("A deployment waits for somebody"))
    return [
        Finding(
            title,
            desk.reason(request, one.reason) or f"{one.script_id} v{one.version}",
            "",
            f"/deployments/{one.deployment_id}",
            "warn",
        )
        for one in page.items
    ]


async def _dead(desk: Desk, request: Request, fleet: Fleet) -> list[Finding]:
    letters = await fleet.dead_letters.listed(100)
    if not letters:
        return []
    title = desk.told(request, _("Dead letters"))
    detail = desk.told(request, _("Messages that could not be handled, with the reason."))
    return [Finding(title, detail, f"{len(letters)}{'+' if len(letters) == 100 else ''}", "/dead-letters", "warn")]
