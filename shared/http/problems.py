"""Errors as RFC 9457 problem details, for every way in which a request can be wrong.

`{"type", "title", "status", "detail", "errors": [{"field", "message"}]}`: `detail` says what to do, `errors` names
each field by its path (`body.node_ids.0`). An error nobody expected is logged whole and shown as a sentence.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path

from shared.http.document import operations
from shared.http.responses import PROBLEM_TYPE, URN
from shared.http.wording import Told, told
from shared.messaging.handling import Unavailable

log = structlog.get_logger(__name__)

MOST_ERRORS = 20


class Problem(Exception):
    """Raise it to answer with problem details. `slug` names the kind of error, stable for programs."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        errors: Sequence[dict[str, Any]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = {"www-authenticate": "Bearer"} if status == 401 else headers
        self.status = status
        self.slug = slug
        self.detail = detail
        self.errors = list(errors)


def invalid(errors: Sequence[Told], slug: str = "invalid-request") -> Problem:
    """The problem of a request with these mistakes."""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    detail = f"{errors[0]['field']}: {errors[0]['message']}{more}"
    return Problem(422, slug, detail, errors=errors)


def problem_response(
    status: int, slug: str, detail: str, errors: Sequence[dict[str, Any]] = (), headers: dict[str, str] | None = None
) -> JSONResponse:
    """A response with problem details."""
    body: dict[str, Any] = {"type": URN + slug, "title": slug.replace("-", " "), "status": status, "detail": detail}
    if errors:
        body["errors"] = list(errors)[:MOST_ERRORS]
    return JSONResponse(body, status_code=status, media_type=PROBLEM_TYPE, headers=headers)


def install(api: FastAPI) -> None:
    """Give every kind of error of `api` its problem details."""
    api.add_exception_handler(Problem, _problem)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Unavailable, _unavailable)
    api.add_exception_handler(ClientDisconnect, _gone)
    api.add_exception_handler(Exception, _unexpected)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem_response(error.status, error.slug, error.detail, error.errors, error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # FastAPI leaves a body as bytes when its content-type does not say that it is JSON.
    if isinstance(error.body, bytes):
        given = request.headers.get("content-type") or "none"
        detail = f"send the body as JSON, with the content-type application/json; this one had {given}"
        return problem_response(415, "unsupported-media-type", detail)
    return await _problem(request, invalid(told(error.errors())))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path, headers = request.url.path, dict(error.headers) if error.headers else None
    match error.status_code:
        case 404:
            detail = f"there is nothing at {path}: /openapi.json tells what there is"
            return problem_response(404, "no-such-address", detail, headers=headers)
        case 405:
            allowed = _methods(request) or set((headers or {}).get("Allow", "").split(", "))
            detail = f"{request.method} is not possible at {path}: use {' or '.join(sorted(allowed))}"
            return problem_response(405, "method-not-allowed", detail, headers={"allow": ", ".join(sorted(allowed))})
        case 400 if error.__cause__ is not None:
            message = _unreadable(error.__cause__)
            return await _problem(request, invalid([{"field": "body", "message": message}]))
        case status:
            return problem_response(status, "http-error", str(error.detail), headers=headers)


def _methods(request: Request) -> set[str]:
    """What the document has at this address; Starlette names only the methods of the first route that fits."""
    found = {
        method
        for method, path, _ in operations(request.app.openapi())
        if compile_path(path)[0].match(request.scope["path"])
    }
    return found | {"HEAD"} if "GET" in found else found


def _unreadable(cause: BaseException) -> str:
    """Why FastAPI could not parse a body."""
    match cause:
        case UnicodeDecodeError():
            return f"byte {cause.start} is not UTF-8: send JSON in UTF-8"
        case RecursionError():
            return "is nested too deeply"
        case _:
            return "has a number of thousands of digits"


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    log.warning("request_refused", path=request.url.path, reason=str(error))
    detail = "the database or the broker is away for the moment; nothing was changed, try again"
    return problem_response(503, "unavailable", detail, headers={"retry-after": "2"})


async def _gone(request: Request, error: Exception) -> JSONResponse:
    # Nobody reads it; without it a client that hangs up would be logged as a fault of ours.
    return problem_response(400, "body-broken-off", "the connection ended before the body did")


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("request_failed", path=request.url.path, exc_info=error)
    return problem_response(500, "internal-error", "this is a fault of Callboard; the service's log has the details")
