"""Servers that are reached by SSH: add, confirm the host key, test, look, install the agent, remove."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Refused
from services.console.clients.fleet import Fleet
from services.console.pages.desk import Desk, Form, Page, Region, act_of
from services.console.pages.listing import ROWS, read_listing
from services.console.texts.catalogue import marked as _

ACTS = ("confirm", "scan", "test", "install", "remove")


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
        one = await desk.fleet(visitor).servers.one(server_id)
        act_of(what, ACTS, "a server")
        return await desk.ask(request, visitor, "server/ask.html", server=one, what=what, back=f"/servers/{server_id}")

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
            case "install":
                await servers.install(server_id, {"settings": _settings(form.text("settings"))})
                said = desk.told(request, _("The agent is being brought there. It takes minutes; see its steps below."))
            case "remove":
                await servers.remove(server_id)
                to, said = "/servers", desk.told(request, _("The server and its login are forgotten here."))
        return desk.done(request, to, said)

    return router


async def _status(fleet: Fleet, server_id: str) -> Any:
    try:
        return await fleet.servers.status(server_id)
    except Refused as refused:
        # Not reached, or not confirmed: that is what there is to say of it, and no fault of the page.
        if refused.status in (404, 401, 403):
            raise
        return refused


def server_of(form: Form) -> dict[str, Any]:
    """The body that the form means."""
    match form.one("login"):
        case "password":
            login: dict[str, Any] = {"password": form.one("password")}
        case "agent":
            login = {"agent": True}
        case _:
            login = {"private_key": form.text("private_key")}
            if form.one("passphrase"):
                login["passphrase"] = form.one("passphrase")
    port = form.one("port")
    body: dict[str, Any] = {
        "server_id": form.one("server_id"),
        "host": form.one("host"),
        "port": int(port) if port.isascii() and port.isdigit() and len(port) < 7 else 22,
        "user": form.one("user"),
        "login": login,
        "node_id": form.one("node_id") or None,
        "link": form.one("link") == "yes",
    }
    return body


def _settings(text: str) -> dict[str, str] | None:
    """Lines of NAME=value; None for no line."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)} or None
