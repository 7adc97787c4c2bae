"""The OpenAPI document, made true: every answer that an operation can give is in it, the refusals too.

Routes declare the problems that are theirs (`responses.py`). What every operation can answer is added here: to a
request without the token or the role, with a mistake, with too large a body. FastAPI's own error schemas go out,
because nothing here answers with them. Patterns get the words of `IN_WORDS`, and operations the role that they need.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, Field

from shared.contracts.identifiers import IN_WORDS
from shared.http.responses import URN, joined, problems

Document = dict[str, Any]

ABOUT = (
    "**Signing in.** Every request has the header `Authorization: Bearer <token>`; what does without it says so.\n\n"
    "**Roles.** A token has one: `viewer`, `operator` or `admin`, each of which includes those before it, or `node`, "
    "which opens one node's own operations. `x-callboard-role` of an operation says which it needs.\n\n"
    "**Refusals** are problem details (RFC 9457, `application/problem+json`): `type` is for programs and stable, "
    "`detail` says what to do, `errors` names each field that is wrong by its path, such as `body.node_ids.0`. "
    "503 comes with `Retry-After` and passes by itself.\n\n"
    "**Strict doors.** Fields and parameters that are not in this document are refused, not ignored.\n\n"
    "**Lists** come in pages: send `next_cursor` as `cursor`, unchanged, for the next one; null is the end.\n\n"
    "**Times** are ISO 8601 with an offset. **HEAD** works wherever GET does."
)

_ALWAYS = problems(
    (422, "invalid-request", "a parameter or a field is wrong, missing or unknown"),
    (500, "internal-error", "a fault of Callboard, told in its log"),
)
_SIGNED_IN = problems(
    (401, "not-signed-in", "there is no token, or one that is wrong, has ended or was revoked"),
    (403, "not-allowed", "the token's role is a lesser one than this needs, or it is another node's"),
)
_WITH_BODY = problems(
    (413, "body-too-large", "the body is over the limit; nothing was taken in"),
    (415, "unsupported-media-type", "the body is of a kind that is not read here"),
)
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")


class FieldError(BaseModel):
    """One thing that is wrong."""

    field: str = Field(description="where: `body.node_ids.0`, `query.limit`, `path.node_id`, or line and column")
    message: str = Field(description="what is wrong, and what to send instead")
    hint: str | None = Field(default=None, description="in scripts: how to mend it")


class ProblemDetails(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(description="the kind of problem, for programs; it does not change", examples=[URN + "no-such-x"])
    title: str = Field(description="the kind of problem in words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what is wrong here, and what to do")
    errors: list[FieldError] | None = Field(default=None, description="each thing that is wrong, at most twenty")


def complete(document: Document, roles: Mapping[tuple[str, str], str]) -> Document:
    """FastAPI's document with what it leaves out, in place. `roles` has the role of each operation that needs one."""
    for method, path, operation in operations(document):
        own = {status: one for status, one in operation["responses"].items() if "HTTPValidationError" not in str(one)}
        signed_in = _SIGNED_IN if "security" in operation else {}
        with_body = _WITH_BODY if "requestBody" in operation else {}
        operation["responses"] = joined(own, signed_in, with_body, _ALWAYS)
        if (role := roles.get((path, method))) is not None:
            operation["x-callboard-role"] = str(role)
            operation["description"] = f"{operation.get('description', '')}\n\nNeeds the role `{role}`."
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _OF_FASTAPI:
        schemas.pop(name, None)
    details = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= details.pop("$defs") | {"Problem": details | {"title": "Problem"}}
    _describe_patterns(document)
    return document


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation as (method, path, operation)."""
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def _describe_patterns(part: Any) -> None:
    match part:
        case {"pattern": str(pattern), **rest} if pattern in IN_WORDS and "description" not in rest:
            part["description"] = IN_WORDS[pattern]
        case dict():
            for value in part.values():
                _describe_patterns(value)
        case list():
            for value in part:
                _describe_patterns(value)
