"""What a page answers when it cannot do what was asked: sign in first, not from there, away, refused."""

from dataclasses import replace
from urllib.parse import quote

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from services.console.clients.api import Away, Refused
from services.console.pages.desk import Desk
from services.console.pages.screen import Page
from services.console.session import NotSignedIn, OtherOrigin
from services.console.texts.catalogue import marked as _
from services.console.texts.words import SERVICES

# What these refuse is one field of the form, though they do not name it.
FIELDS = {
    "server-exists": "server_id",
    "link-exists": "node_id",
    "key-unreadable": "private_key",
    "key-needs-passphrase": "passphrase",
    "passphrase-refused": "passphrase",
    "no-such-node": "node_id",
    "node-away": "node_id",
    "node-has-no-key": "node_id",
}

_AWAY = _("The %(service)s does not answer. Nothing was changed: try again in a moment.")
_DOUBTFUL = _("The %(service)s broke off. Whether it did what was asked is not known: look before you repeat it.")


def install(api: FastAPI, desk: Desk) -> None:
    """Answer these exceptions with pages."""

    async def sign_in(request: Request, _error: Exception) -> Response:
        if "x-regions" in request.headers or "x-dialog" in request.headers or request.method != "GET":
            return Response(status_code=401)
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(here, safe='')}", 303)

    async def from_elsewhere(request: Request, _error: Exception) -> Response:
        return await told(request, desk.told(request, _("This was not sent from a page of Callboard.")), 403)

    async def away(request: Request, error: Exception) -> Response:
        assert isinstance(error, Away)
        service = desk.told(request, SERVICES.get(error.service, error.service))
        return await told(request, desk.told(request, _DOUBTFUL if error.doubtful else _AWAY, service=service), 503)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        if error.status == 401:
            return await sign_in(request, error)
        return await told(request, error.detail, error.status, _at_its_field(error))

    async def told(request: Request, text: str, status: int, refusal: Refused | None = None) -> Response:
        if "x-dialog" in request.headers:
            return desk.screen.fragment(
                request, None, "parts/notice.html", text=text, tone="bad", refusal=refusal, status=status
            )
        try:
            visitor = await desk.visitor(request)
        except (NotSignedIn, Away):
            visitor = None
        page = Page("problem", desk.told(request, _("This did not work")), status=status)
        return await desk.screen.show(request, visitor, page, text=text, refusal=refusal)

    for kind, answer in ((NotSignedIn, sign_in), (OtherOrigin, from_elsewhere), (Away, away), (Refused, refused)):
        api.add_exception_handler(kind, answer)


def _at_its_field(refused: Refused) -> Refused:
    field = FIELDS.get(refused.slug)
    if refused.errors or field is None:
        return refused
    return replace(refused, errors=({"field": field, "message": refused.detail},))
