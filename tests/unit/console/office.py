"""The pages in front of services that a test plays: what each address answers, and what was asked of it."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from services.console.api.signing_in import RegistryDesk, SignIn
from services.console.clients.accounts import Accounts
from services.console.clients.api import Api
from services.console.domain.upstreams import upstreams
from services.console.live.hub import Hub
from services.console.live.rates import Rates
from services.console.live.window import EventWindow
from services.console.pages import site
from services.console.pages.desk import Desk
from services.console.pages.screen import Screen
from services.console.session import Sessions
from shared.clock import VirtualClock
from shared.contracts.roles import ROOT, Role
from shared.http import create_api
from shared.http.signing_in import on_behalf_of

ORIGIN = "http://callboard.example"
TOKEN = SecretStr("the console's own token")
# One for all, as a console has one for all its visitors: its texts and templates are prepared once.
SCREEN = Screen("1")


@dataclass
class Services:
    """What a request is answered with, by its method and path: a body, or a status with a problem's slug and detail.

    `asked` are the orders that came, without questions.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    role: Role = Role.ADMIN

    def answer(self, request: httpx.Request) -> httpx.Response:
        """As a service would."""
        asked = f"{request.method} {request.url.path}"
        body = json.loads(request.content) if request.content else None
        if request.url.path == "/internal/whose-token":
            return httpx.Response(200, json={"name": "somebody", "role": self.role, "node_id": None})
        if request.method != "GET":
            self.asked.append((asked, body))
        given = self.answers.get(asked, (404, "no-such-thing", f"there is nothing at {asked}"))
        if isinstance(given, tuple):
            status, slug, detail = given[:3]
            problem = {"type": f"urn:callboard:problem:{slug}", "detail": detail, "errors": list(given[3:])}
            return httpx.Response(status, json=problem)
        return httpx.Response(200, json=given)


@asynccontextmanager
async def signed_in(services: Services, headers: Mapping[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of somebody who has signed in, at the pages in front of these services."""
    behind, clock = upstreams("http://registry", "http://deployer"), VirtualClock()
    clients = {one.name: httpx.AsyncClient(transport=httpx.MockTransport(services.answer)) for one in behind}
    hub, sessions = Hub(), Sessions(TOKEN, clock)
    rates = Rates(Accounts(Api(behind, clients, on_behalf_of(ROOT, TOKEN))).summary, hub, clock)
    sign_in = SignIn(TOKEN, RegistryDesk(behind[0], clients["registry"], TOKEN), clock)
    window = EventWindow(hub, clock)
    desk = Desk(behind, clients, sessions, sign_in, TOKEN, SCREEN, hub, window, rates, clock)
    api = create_api("Callboard", version="1", token=TOKEN, ready=_ready, document=False)
    site.install(api, desk)
    given = {"origin": ORIGIN, **(headers or {})}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url=ORIGIN) as browser:
        await browser.post("/sign-in", data={"token": "of somebody"}, headers={"origin": ORIGIN})
        browser.headers.update(given)
        yield browser


async def _ready() -> Sequence[str]:
    return ()
