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

from shared.messaging.handling import Unavailable

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
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
    ) -> None:
        super().__init__(detail)
        self.headers = {"www-authenticate": "Bearer"} if status == 401 else None
        self.status = status
        self.slug = slug
        self.detail = detail
        self.errors = list(errors)


def problem_response(
    status: int, slug: str, detail: str, errors: Sequence[dict[str, Any]] = (), headers: dict[str, str] | None = None
) -> JSONResponse:
    """A response with problem details."""
    body: dict[str, Any] = {
        "type": f"urn:callboard:problem:{slug}",
        "title": slug.replace("-", " "),
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)[:MOST_ERRORS]
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def install(api: FastAPI) -> None:
    """Give every kind of error of `api` its problem details."""
    api.add_exception_handler(Problem, _problem)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Unavailable, _unavailable)
    api.add_exception_handler(Exception, _unexpected)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem_response(error.status, error.slug, error.detail, error.errors, error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"field": ".".join(map(str, one["loc"])), "message": one["msg"]} for one in error.errors()]
    first = errors[0] if errors else {"field": "body", "message": "is not readable"}
    return problem_response(422, "invalid-request", f"{first['field']}: {first['message']}", errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    if error.status_code == 404 and error.detail == "Not Found":
        detail = f"there is nothing at {request.url.path}: see /docs for what there is"
        return problem_response(404, "no-such-address", detail, headers=headers)
    slug = {401: "not-signed-in", 405: "method-not-allowed"}.get(error.status_code, "http-error")
    return problem_response(error.status_code, slug, str(error.detail), headers=headers)


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    log.warning("request_refused", path=request.url.path, reason=str(error))
    detail = "the database or the broker is away for the moment; nothing was changed, try again"
    return problem_response(503, "unavailable", detail, headers={"retry-after": "2"})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("request_failed", path=request.url.path, exc_info=error)
    return problem_response(500, "internal-error", "this is a fault of Callboard; the service's log has the details")
