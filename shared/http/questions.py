"""Queries are answered only if every word of them is understood: what is not in the document is refused.

A misspelt filter that is ignored gives everything, which looks like an answer. The OpenAPI document is the law, so
one dependency holds for every route of every service, and what it lets through is what the document says.
"""

from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Request
from fastapi.openapi.utils import get_openapi

from shared.http.fields import MOST_MISTAKES, NUL
from shared.http.problems import invalid
from shared.http.wording import Told, unknown_name


async def understood(request: Request) -> None:
    """A dependency that refuses parameters which the route does not have, or has once and was given twice."""
    if not request.scope["query_string"]:
        return
    _refuse_other_than_utf8(request.scope["query_string"])
    known = _parameters(request)
    wrong: list[Told] = []
    for name in dict.fromkeys(request.query_params):
        values = request.query_params.getlist(name)
        if name not in known:
            wrong.append(_told(name, unknown_name("parameter", name, known)))
        elif len(values) > 1 and not _is_list(known[name]):
            wrong.append(_told(name, f"is given {len(values)} times: give it once"))
        elif any("\0" in value for value in values):
            wrong.append(_told(name, NUL))
        if len(wrong) == MOST_MISTAKES:
            break
    if wrong:
        raise invalid(wrong)


def _parameters(request: Request) -> dict[str, Any]:
    """The query parameters of the operation with their schemas, as the document has them."""
    route, method = request.scope["route"], request.method.lower()
    known: dict[tuple[str, str], dict[str, Any]] = request.app.parameters
    found = known.get((method, route.path))
    if found is None:
        # The part of the document that is about this route: all of it takes a tenth of a second to make.
        operation = get_openapi(title="", version="", routes=[route])["paths"].get(route.path, {}).get(method, {})
        found = {one["name"]: one["schema"] for one in operation.get("parameters", []) if one["in"] == "query"}
        known[method, route.path] = found
    return found


def _is_list(schema: dict[str, Any]) -> bool:
    return any(one.get("type") == "array" for one in (schema, *schema.get("anyOf", ())))


def _refuse_other_than_utf8(query: bytes) -> None:
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError as error:
        raise invalid([{"field": "query", "message": f"byte {error.start} is not UTF-8"}]) from None


def _told(name: str, message: str) -> Told:
    return {"field": f"query.{name}", "message": message}
