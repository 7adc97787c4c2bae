"""Servers that are reached by SSH: add, confirm the host key, log in otherwise, test, look, put a script there, install
the agent, remove.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Refused
from services.console.clients.fleet import Fleet
from services.console.domain.visitor import Visitor
from services.console.pages.desk import Desk, Form, Page, Region, act_of
from services.console.pages.forms import number_in
from services.console.pages.listing import ROWS, read_listing
from services.console.texts.catalogue import marked as _
from shared.contracts.roles import Role

ACTS = ("confirm", "scan", "test", "login", "push", "install", "remove")
MOST_LISTED = 500
# An installation takes a quarter of an hour at most.
JOINS_WITHIN = 3600


def servers_pages(desk: Desk) -> APIRouter:
    """The list, a server, and its acts."""
    router = APIRouter(include_in_schema=False)

    @router.get("/servers")
    async def servers(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, ()), desk.fleet(visitor)

        async def table() -> dict[str, Any]:
            return listing.told(await fleet.servers.page(listing.cursor, ROWS))

        page = Page("servers", desk.told(request, _("Servers")), [Region("table", table)], "servers")
        return await desk.show(request, visitor, page)

    @router.get("/servers/new")
    async def new(request: Request) -> Response:
        visitor = await desk.visitor(request)
        return await desk.ask(request, visitor, "servers/new.html", back="/servers")

    @router.post("/servers/new")
    async def add(request: Request) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        server = await desk.fleet(visitor).servers.add(server_of(form))
        said = desk.told(request, _("Added. Compare its host key before anybody logs in there."))
        return desk.done(request, f"/servers/{server.server_id}", said, "warn")

    @router.get("/servers/{server_id}")
    async def server(request: Request, server_id: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)

        async def now() -> dict[str, Any]:
            return {"server": await fleet.servers.one(server_id)}

        async def status() -> dict[str, Any]:
            return {"status": await _status(fleet, server_id)}

        async def install() -> dict[str, Any]:
            try:
                return {"installation": await fleet.servers.installation(server_id)}
            except Refused as refused:
                if refused.slug != "no-installation":
                    raise
                return {"installation": None}

        regions = [Region("now", now), Region("install", install), Region("status", status)]
        return await desk.show(request, visitor, Page("server", server_id, regions, "servers"), server_id=server_id)

    @router.get("/servers/{server_id}/{what}")
    async def ask(request: Request, server_id: str, what: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)
        one = await fleet.servers.one(server_id)
        context = {"server": one, "what": act_of(what, ACTS, "a server"), "back": f"/servers/{server_id}"}
        if what == "push":
            context["scripts"] = (await fleet.scripts.page(None, MOST_LISTED)).items
        template = f"server/{what}.html" if what in ("login", "push") else "server/ask.html"
        return await desk.ask(request, visitor, template, **context)

    @router.post("/servers/{server_id}/{what}")
    async def act(request: Request, server_id: str, what: str) -> Response:
        visitor = await desk.visitor(request)
        form, servers = await desk.form(request), desk.fleet(visitor).servers
        to, said = f"/servers/{server_id}", ""
        match act_of(what, ACTS, "a server"):
            case "confirm":
                await servers.confirm(server_id, form.one("fingerprint"))
                said = desk.told(request, _("The host key is confirmed: from now on the server must show it."))
            case "scan":
                await servers.scan(server_id)
                said = desk.told(request, _("This is the host key that it shows now."))
            case "test":
                greeting = await servers.test(server_id)
                said = desk.told(
                    request,
                    _("The login works: connected in %(connect)s ms, answers in %(latency)s ms."),
                    connect=round(greeting.connect_ms),
                    latency=round(greeting.latency_ms),
                )
            case "login":
                changed = await servers.change_login(server_id, login_of(form) | _user(form))
                said = desk.told(
                    request, _("From now on %(user)s logs in there with this: test it."), user=changed.user
                )
            case "push":
                version = number_in(form.one("version"))
                placed = await servers.push(server_id, form.one("script_id"), version)
                context = {"placed": placed, "server_id": server_id, "back": to}
                return await desk.ask(request, visitor, "server/placed.html", **context)
            case "install":
                await servers.install(server_id, await _to_install(desk.fleet(visitor), visitor, server_id, form))
                said = desk.told(request, _("The agent is being brought there. It takes minutes; see its steps below."))
            case "remove":
                await servers.remove(server_id)
                to, said = "/servers", desk.told(request, _("The server and its login are forgotten here."))
        return desk.done(request, to, said)

    return router


async def _to_install(fleet: Fleet, visitor: Visitor, server_id: str, form: Form) -> dict[str, Any]:
    """The settings; with new ones a token for a machine that is no node yet, from whoever may give one out."""
    settings = _settings(form.text("settings"))
    if settings is None or not visitor.may(Role.ADMIN):
        return {"settings": settings}
    node_id = (await fleet.servers.one(server_id)).node_id
    given = await fleet.enrolments.give_out({"node_id": node_id, "valid_seconds": JOINS_WITHIN}) if node_id else None
    return {"settings": settings, "join_token": given.token if given else None}


async def _status(fleet: Fleet, server_id: str) -> Any:
    try:
        return await fleet.servers.status(server_id)
    except Refused as refused:
        # Not reached, or not confirmed: that is what there is to say of it, and no fault of the page.
        if refused.status in (404, 401, 403):
            raise
        return refused


def login_of(form: Form) -> dict[str, Any]:
    """How to log in, as it was chosen; what was typed for another way is nobody's business."""
    match form.one("login"):
        case "password":
            return {"password": form.text("password")}
        case "agent":
            return {"agent": True}
        case _:
            passphrase = form.text("passphrase")
            return {"private_key": form.text("private_key")} | ({"passphrase": passphrase} if passphrase else {})


def server_of(form: Form) -> dict[str, Any]:
    """The body that the form means."""
    body: dict[str, Any] = {
        "server_id": form.one("server_id"),
        "host": form.one("host"),
        "port": number_in(form.one("port")) or 22,
        "user": form.one("user"),
        "login": login_of(form),
        "node_id": form.one("node_id") or None,
        "link": form.one("link") == "yes",
    }
    return body


def _user(form: Form) -> dict[str, str]:
    user = form.one("user")
    return {"user": user} if user else {}


def _settings(text: str) -> dict[str, str] | None:
    """Lines of NAME=value; None for no line."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)} or None
