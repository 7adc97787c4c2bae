"""The routes of the proxy: for each service its paths, behind the bearer token or, with an authorisation of
their own, open.

Every method and everything below a prefix goes to the service that owns it; the service judges the rest. Paths with
dot segments are refused, so that nothing gets past the prefix that it was let in by.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import httpx
from fastapi import APIRouter, Request
from pydantic import SecretStr
from starlette.responses import Response

from services.console.api.relay import Relay
from services.console.api.signing_in import SignIn
from services.console.domain.upstreams import Upstream, climbs
from shared.http import Problem
from shared.http.roles import actor_of
from shared.http.signing_in import on_behalf_of

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

Clients = Mapping[str, httpx.AsyncClient]
"""One client for each upstream, by its name, and one for its long polls, by `polls_of(name)`."""


def polls_of(name: str) -> str:
    """The name of the client for an upstream's long polls."""
    return f"{name} polls"


def proxy_router(upstreams: Sequence[Upstream], clients: Clients, sign_in: SignIn, token: SecretStr) -> APIRouter:
    """The paths that need a token. They go on with the services' own `token`, and with the actor's name and role."""

    def relay(request: Request, upstream: Upstream) -> Relay:
        polls = request.method == "GET" and upstream.may_wait(request.scope["path"])
        client = clients[polls_of(upstream.name) if polls else upstream.name]
        return Relay(upstream, client, on_behalf_of(actor_of(request), token), sign_in.still(request))

    # Single paths come first: they lie below another one's prefix.
    router = APIRouter(include_in_schema=False)
    for upstream in upstreams:
        for path in upstream.paths:
            router.add_api_route(path, _forwarder(upstream, relay), methods=METHODS)
    router.include_router(_router(upstreams, lambda upstream: upstream.prefixes, METHODS, relay))
    return router


def signed_router(upstreams: Sequence[Upstream], clients: Clients) -> APIRouter:
    """The paths that bring an authorisation of their own: a signed URL, or a one-time token."""
    return _router(
        upstreams,
        lambda upstream: upstream.signed,
        ["GET", "POST"],
        lambda request, upstream: Relay(upstream, clients[upstream.name]),
    )


def _router(
    upstreams: Sequence[Upstream],
    prefixes: Callable[[Upstream], Sequence[str]],
    methods: list[str],
    relay: Callable[[Request, Upstream], Relay],
) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    for upstream in upstreams:
        forward = _forwarder(upstream, relay)
        for prefix in prefixes(upstream):
            for path in (prefix, prefix + "/{rest:path}"):
                router.add_api_route(path, forward, methods=methods)
    return router


def _forwarder(
    upstream: Upstream, relay: Callable[[Request, Upstream], Relay]
) -> Callable[[Request], Awaitable[Response]]:
    async def forward(request: Request) -> Response:
        if climbs(request.scope["path"]):
            raise Problem(400, "bad-path", "a path may not have the segments '.' and '..': write the whole path")
        return relay(request, upstream)

    return forward
