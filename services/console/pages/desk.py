"""What every page needs: who asks, the API in their name, the forms they send, and how an act ends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

import httpx
from fastapi import Request
from pydantic import SecretStr
from starlette.responses import RedirectResponse, Response

from services.console.api.headers import way_of
from services.console.api.signing_in import SignIn
from services.console.clients.api import Api, Away, Refused
from services.console.clients.fleet import Fleet
from services.console.domain.upstreams import Upstream
from services.console.domain.visitor import Visitor
from services.console.live.hub import Hub
from services.console.live.rates import Rates
from services.console.live.window import EventWindow
from services.console.pages.screen import Page, Region, Screen, say
from services.console.session import NotSignedIn, Sessions, refuse_other_origins
from shared.clock import Clock
from shared.contracts.roles import Role
from shared.http import Problem
from shared.http.signing_in import hash_of, on_behalf_of

# Scripts are the largest thing that is typed here.
LARGEST_FORM = 1024 * 1024


class Form:
    """The fields of a form; one that was not sent is empty."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields

    def one(self, name: str) -> str:
        """A field, without the spaces around it."""
        return self.text(name).strip()

    def text(self, name: str) -> str:
        """A field as it was typed, with the line ends of Unix."""
        return self._fields.get(name, [""])[0].replace("\r\n", "\n")

    def many(self, name: str) -> list[str]:
        """A field that may be given several times."""
        return [one.strip() for one in self._fields.get(name, []) if one.strip()]


@dataclass(frozen=True)
class Desk:
    """See the module's docstring."""

    upstreams: Sequence[Upstream]
    clients: dict[str, httpx.AsyncClient]
    sessions: Sessions
    sign_in: SignIn
    token: SecretStr
    screen: Screen
    hub: Hub
    window: EventWindow
    rates: Rates
    clock: Clock

    async def visitor(self, request: Request) -> Visitor:
        """Whoever has signed in. Raises NotSignedIn, and Away while nobody can tell whose token it is."""
        token = self.sessions.token_of(request)
        if token is None:
            raise NotSignedIn
        visitor = await self.bearer(token)
        return replace(visitor, way=tuple(way_of(request.scope)))

    async def bearer(self, token: str) -> Visitor:
        """Whoever has this token; a node has no business here. Raises NotSignedIn and Away."""
        try:
            actor = await self.sign_in.whose(hash_of(token))
        except Problem as problem:
            raise Away("registry") from problem
        if actor is None or actor.role is Role.NODE:
            raise NotSignedIn
        return Visitor(actor)

    def fleet(self, visitor: Visitor) -> Fleet:
        """The API in the visitor's name."""
        return Fleet(Api(self.upstreams, self.clients, [*on_behalf_of(visitor.actor, self.token), *visitor.way]))

    async def form(self, request: Request) -> Form:
        """The form that was sent. Raises OtherOrigin if it is not of our own pages."""
        refuse_other_origins(request)
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > LARGEST_FORM:
                return Form({})
        return Form(parse_qs(content.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20_000))

    async def show(self, request: Request, visitor: Visitor, page: Page, **context: Any) -> Response:
        """The page. What happens while it is read, and before it listens, it is told when it does."""
        return await self.screen.show(request, visitor, page, position=self.hub.position, **context)

    async def ask(self, request: Request, visitor: Visitor, template: str, **context: Any) -> Response:
        """A question before an act: in a dialog where a script asked for it, else as a page of its own."""
        if "x-dialog" in request.headers:
            return self.screen.fragment(request, visitor, template, **context)
        return await self.show(request, visitor, Page("ask", "Callboard"), template=template, **context)

    def told(self, request: Request, text: str, **values: object) -> str:
        """A text in the reader's language, with its values."""
        return self.screen.language(request).gettext(text) % values

    def reason(self, request: Request, reason: str | None) -> str:
        """What a service says, in the reader's language."""
        return self.screen.reason(request, reason)

    def done(self, request: Request, to: str, said: str = "", tone: str = "good") -> Response:
        """An act has ended well: go there, and say so."""
        if "x-dialog" in request.headers:
            # The script that sent the form goes there by itself: a redirect would be followed without it.
            response = Response(status_code=204, headers={"x-location": to})
        else:
            response = RedirectResponse(to, 303)
        if said:
            say(response, said, tone)
        return response


def act_of(what: str, acts: Sequence[str], thing: str) -> str:
    """What the address asks to be done with a thing. Raises Refused for what nobody can do with it."""
    if what not in acts:
        raise Refused(404, "no-such-act", f"nothing called {what[:40]!r} can be done with {thing}")
    return what


__all__ = ["Desk", "Form", "Page", "Region", "act_of"]
