"""The application factory: a FastAPI app with sign-in, problem details, a body limit and health.

Every path needs `Authorization: Bearer <token>` except health and the API's own pages. `ready` is asked by
`/health/ready`: it returns what is not well, one sentence each; an empty list is well.
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, SecretStr

from shared.http import problems
from shared.http.body_limit import BodyLimit

LARGEST_BODY = 2 * 1024 * 1024

Ready = Callable[[], Awaitable[Sequence[str]]]
_bearer = HTTPBearer(auto_error=False, description="the operator's token")


class Body(BaseModel):
    """The base of request bodies: doors are strict, unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def create_api(
    title: str,
    *,
    version: str,
    token: SecretStr,
    routers: Sequence[APIRouter],
    open_routers: Sequence[APIRouter] = (),
    ready: Ready,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]] | None = None,
    largest_body: int = LARGEST_BODY,
) -> FastAPI:
    """The service's HTTP application. `open_routers` need no sign-in: they bring an authorisation of their own."""
    # A redirect for a slash too many would name this service's own address, which a client of the origin cannot reach.
    api = FastAPI(title=title, version=version, lifespan=lifespan, redoc_url=None, redirect_slashes=False)
    problems.install(api)
    api.add_middleware(BodyLimit, largest=largest_body)
    api.include_router(_health(ready))
    signed_in = [Depends(bearer_check(token))]
    for router in routers:
        api.include_router(router, dependencies=signed_in)
    for router in open_routers:
        api.include_router(router)
    return api


def bearer_check(token: SecretStr) -> Callable[..., None]:
    """A dependency that lets only the bearer of `token` through."""
    expected = token.get_secret_value().encode()

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        if given is None or not hmac.compare_digest(given.credentials.encode(), expected):
            raise problems.Problem(
                401,
                "not-signed-in",
                "no such token: send the header 'Authorization: Bearer <token>' with the operator's token"
                if given
                else "send the header 'Authorization: Bearer <token>' with the operator's token",
            )

    return check


def _health(ready: Ready) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "live"}

    @router.get("/ready")
    async def is_ready(request: Request) -> JSONResponse:
        """The process can do its work: 200, or 503 with what is missing."""
        missing = await ready()
        status = 503 if missing else 200
        return JSONResponse({"status": "not ready" if missing else "ready", "missing": list(missing)}, status)

    return router
