"""Signing in and out, and the choice of language and theme."""

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from services.console.clients.api import Away
from services.console.pages.desk import Desk
from services.console.pages.screen import THEME_COOKIE, THEMES, Page
from services.console.session import NotSignedIn, refuse_other_origins
from services.console.texts import catalogue
from services.console.texts.catalogue import marked as _
from shared.contracts.roles import Role
from shared.http import Problem

A_YEAR = 365 * 24 * 3600


def sign_in_pages(desk: Desk) -> APIRouter:
    """The open pages."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sign-in")
    async def sign_in_page(request: Request) -> Response:
        try:
            await desk.visitor(request)
        except (NotSignedIn, Away):
            return await show(request)
        return RedirectResponse(_own(request.query_params.get("next")), 303)

    @router.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        form = await desk.form(request)
        token = form.one("token")
        try:
            # In this way failures are counted and told, as they are at the API.
            actor = await desk.sign_in(request, token)
        except Problem as problem:
            return await show(request, problem.status, problem.detail)
        if actor is None or actor.role is Role.NODE:
            return await show(request, 401)
        response = RedirectResponse(_own(form.one("next")), 303)
        desk.sessions.begin(request, response, token)
        return response

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        refuse_other_origins(request)
        response = RedirectResponse("/sign-in", 303)
        desk.sessions.end(response)
        return response

    @router.post("/appearance")
    async def appearance(request: Request) -> Response:
        form = await desk.form(request)
        response = RedirectResponse(_own(form.one("back")), 303)
        if form.one("language") in desk.screen.languages:
            _keep(response, catalogue.COOKIE, form.one("language"))
        if form.one("theme") in THEMES:
            _keep(response, THEME_COOKIE, form.one("theme"))
        return response

    async def show(request: Request, status: int = 200, detail: str = "") -> Response:
        page = Page("sign_in", desk.told(request, _("Sign in")), status=status)
        back = _own(request.query_params.get("next"))
        return await desk.screen.show(request, None, page, wrong=status == 401, detail=detail, next=back)

    return router


def _keep(response: Response, cookie: str, value: str) -> None:
    response.set_cookie(cookie, value, max_age=A_YEAR, path="/", httponly=True, samesite="lax")


def _own(address: str | None) -> str:
    """The address, if it is one of our own pages; else the first page."""
    if not address or not address.startswith("/") or address.startswith(("//", "/\\", "/sign-in")):
        return "/"
    parts = urlsplit(address)
    return address if not parts.scheme and not parts.netloc else "/"
