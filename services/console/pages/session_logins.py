"""Signing in at Telegram on the node that will run the account, from step to step.

What is typed goes on to the deployer at once, which seals it to the node; nothing of it is kept, shown again, or in an
address. The page of a sign-in looks again by itself: it asks for the code when the node does, and for the password.
When the vault has the login, the page lets the node run the account, if that was chosen; the form for it is sent by
the page's script, so that looking at a page never changes anything.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Refused
from services.console.clients.fleet import Fleet
from services.console.pages.desk import Desk, Form, Page, Region
from services.console.texts.catalogue import marked as _

PATH = "/sessions/login"
# How a code may go to the phone's owner; what Telegram comes up with besides is shown as it says it.
WAYS = {
    "app": _("to the account's other devices, in Telegram itself"),
    "sms": _("by SMS"),
    "call": _("by a call"),
    "flashcall": _("by a call: the caller's number has the code"),
    "missedcall": _("by a missed call: the caller's number ends with the code"),
    "emailcode": _("by e-mail"),
    "fragmentsms": _("to Fragment"),
}


def session_logins_pages(desk: Desk) -> APIRouter:
    """The beginning, the steps and the end. Their paths come before those of single sessions."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    async def ask(request: Request) -> Response:
        visitor = await desk.visitor(request)
        given = {name: request.query_params.get(name, "")[:64] for name in ("account", "node")}
        nodes = [node for node in await desk.fleet(visitor).nodes.hosts() if node.enrolled]
        return await desk.ask(request, visitor, "login/begin.html", nodes=nodes, given=given, back="/sessions")

    @router.post(PATH)
    async def begin(request: Request) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        login = await desk.fleet(visitor).logins.begin(begun_by(form))
        return desk.done(request, _page_of(login.login_id, form.one("assign")))

    @router.get(PATH + "/{login_id}")
    async def login(request: Request, login_id: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)

        async def step() -> dict[str, Any]:
            return await _step(fleet, login_id)

        page = Page("login", desk.told(request, _("Sign in to Telegram")), [Region("step", step)], "sessions")
        assign = request.query_params.get("assign") == "yes"
        return await desk.show(request, visitor, page, login_id=login_id, assign=assign)

    @router.post(PATH + "/{login_id}")
    async def answer(request: Request, login_id: str) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        said, tone = "", "good"
        try:
            # A password may begin or end with a space; a code never does.
            given = form.text("password") or form.one("code")
            await desk.fleet(visitor).logins.answer(login_id, given)
        except Refused as refused:
            if refused.slug != "nothing-asked":
                raise
            said, tone = desk.told(request, _("That was answered already: see below how far it is.")), "warn"
        return desk.done(request, _page_of(login_id, form.one("assign")), said, tone)

    @router.post(PATH + "/{login_id}/assign")
    async def assign(request: Request, login_id: str) -> Response:
        visitor = await desk.visitor(request)
        await desk.form(request)
        fleet = desk.fleet(visitor)
        login = await fleet.logins.one(login_id)
        to = f"/sessions/{login.account_id}"
        try:
            await fleet.assignments.assign(login.account_id, login.node_id)
        except Refused as refused:
            if refused.status in (401, 403):
                raise
            # The login is in the vault all the same: its page is where one goes on.
            return desk.done(request, to, desk.reason(request, refused.detail), "bad")
        said = desk.told(
            request, _("Signed in. It goes to %(node)s as soon as nobody else runs it."), node=login.node_id
        )
        return desk.done(request, to, said)

    return router


def begun_by(form: Form) -> dict[str, Any]:
    """The body that the form means: of number and token the one that was chosen."""
    body: dict[str, Any] = {"account_id": form.one("account_id"), "node_id": form.one("node_id")}
    if form.one("kind") == "bot":
        return body | {"bot_token": form.one("bot_token")}
    return body | {"phone": form.one("phone")}


async def _step(fleet: Fleet, login_id: str) -> dict[str, Any]:
    login = await fleet.logins.one(login_id)
    # The registry hears of a new login a moment after the vault has it; only then can it be given to a node.
    stored = login.state == "signed_in" and login.version is not None
    assignment = await fleet.assignments.one(login.account_id) if stored else None
    return {"login": login, "stored": stored, "assignment": assignment, "ways": WAYS}


def _page_of(login_id: str, assign: str) -> str:
    return f"{PATH}/{login_id}{'?assign=yes' if assign == 'yes' else ''}"
