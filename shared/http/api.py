"""The application factory: a FastAPI app with sign-in, problem details, strict queries, a body limit and health.

Every path needs `Authorization: Bearer <token>` except health, `/openapi.json` and open routers, and every route has a
role (`roles.py`). With an `audit` log every change is in it (`recording.py`). A service has no pages: the console shows
them for all. `ready` is asked by `/health/ready`: it returns what is not well, one sentence each; empty means well.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, SecretStr

from shared.audit.log import AuditLog
from shared.http import problems
from shared.http.body_limit import BodyLimit
from shared.http.document import ABOUT, Document, complete
from shared.http.head import HeadAsGet
from shared.http.questions import understood
from shared.http.recording import Recording, intend
from shared.http.request_id import RequestId
from shared.http.roles import Role, allowed, roles_of
from shared.http.signing_in import Who, bearer_check, services_own

LARGEST_BODY = 2 * 1024 * 1024

Ready = Callable[[], Awaitable[Sequence[str]]]


class Api(FastAPI):
    """FastAPI whose document tells of every refusal, and which role each operation needs."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.roles: dict[tuple[str, str], Role] = {}
        # What `understood` knows of each operation that was asked for.
        self.parameters: dict[tuple[str, str], dict[str, Any]] = {}

    def openapi(self) -> Document:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi(), self.roles)
        return self.openapi_schema


def create_api(
    title: str,
    *,
    version: str,
    token: SecretStr,
    who: Who | None = None,
    audit: AuditLog | None = None,
    routers: Sequence[APIRouter] = (),
    open_routers: Sequence[APIRouter] = (),
    ready: Ready,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    document: bool = True,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]] | None = None,
    largest_body: int = LARGEST_BODY,
    larger_bodies: Mapping[str, int] | None = None,
) -> Api:
    """The service's HTTP application. `token` is the services' own; `who` lets others in by other tokens.

    `open_routers` need no sign-in: they bring an authorisation of their own. `tags` says what each tag of the routers
    is about. Without `document` the caller serves `/openapi.json`. `larger_bodies` has the paths that take more than
    `largest_body`.
    """
    about = {"health": "Whether a process runs, and whether it can do its work."} | dict(tags or {})
    api = Api(
        title=title,
        version=version,
        description=f"{description}\n\n{ABOUT}".strip(),
        openapi_tags=[{"name": name, "description": told} for name, told in about.items()],
        openapi_url=None,
        lifespan=lifespan,
        # A redirect for a slash too many would name this service's own address, which a client of the origin cannot
        # reach.
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    problems.install(api)
    api.add_middleware(BodyLimit, largest=largest_body, larger=larger_bodies)
    if audit is not None:
        api.add_middleware(Recording, log=audit, key=token)
    api.add_middleware(HeadAsGet)
    api.add_middleware(RequestId)
    # In this order: who is not signed in, or may not, learns nothing about parameters; what is not understood is no
    # intent.
    check = bearer_check(who or services_own(token))
    signed_in = [Depends(check), Depends(allowed), Depends(understood), Depends(intend)]
    for router in routers:
        api.include_router(router, dependencies=signed_in)
        api.roles |= roles_of(router)
    for router in (_health(ready), *open_routers, *([_document()] if document else [])):
        api.include_router(router, dependencies=[Depends(understood)])
    return api


class Liveness(BaseModel):
    """That the process answers."""

    status: Literal["live"] = "live"


class Readiness(BaseModel):
    """Whether the process can do its work; `missing` says what keeps it from that, one sentence each."""

    status: Literal["ready", "not ready"]
    missing: list[str] = Field(examples=[["the registry does not answer: see whether it runs"]])


def _health(ready: Ready) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live", summary="Tell that the process runs")
    async def tell_liveness() -> Liveness:
        """Answers 200 for as long as the process runs. It asks nothing of others, and needs no token."""
        return Liveness()

    @router.get(
        "/ready",
        summary="Tell whether the work can be done",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "something is missing; it is asked for again each time"}},
    )
    async def tell_readiness() -> JSONResponse:
        """Answers 200 when everything that is needed is there, else 503 with what is missing. It needs no token."""
        missing = list(await ready())
        told = Readiness(status="not ready" if missing else "ready", missing=missing)
        return JSONResponse(told.model_dump(), 503 if missing else 200)

    return router


def _document() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def tell_document(request: Request) -> JSONResponse:
        return JSONResponse(request.app.openapi())

    return router
