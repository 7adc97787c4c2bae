"""Refusals as a route declares them: `responses=problems((404, "no-such-script", "nobody has pushed it"), …)`.

The document then shows each of them, with its stable slug, under its status. Pure data; a test asks the running
services for every one of them.
"""

from collections.abc import Mapping
from typing import Any

PROBLEM_TYPE = "application/problem+json"
URN = "urn:callboard:problem:"

Responses = dict[int | str, dict[str, Any]]


def joined(*parts: Mapping[Any, dict[str, Any]]) -> Responses:
    """Responses side by side, by status; of one status every kind of problem is told."""
    responses: Responses = {}
    for part in parts:
        for status, response in part.items():
            there = responses.get(str(status))
            responses[str(status)] = response if there is None else _both(there, response)
    return dict(sorted(responses.items(), key=lambda one: str(one[0])))


def problems(*told: tuple[int, str, str]) -> Responses:
    """The responses of a route for its problems, each as (status, slug, meaning)."""
    return joined(*(_response(status, slug, meaning) for status, slug, meaning in told))


def _response(status: int, slug: str, meaning: str) -> Responses:
    details = {"type": URN + slug, "title": slug.replace("-", " "), "status": status, "detail": meaning}
    return {status: {"description": meaning, "content": _content({slug: {"summary": meaning, "value": details}})}}


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    examples = {**_examples(one), **_examples(other)}
    told = one["description"] if examples == _examples(one) else f"{one['description']}; or {other['description']}"
    return {**one, "description": told, "content": {**one.get("content", {}), **_content(examples)}}


def _content(examples: dict[str, Any]) -> dict[str, Any]:
    return {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}}


def _examples(response: dict[str, Any]) -> dict[str, Any]:
    return dict(response.get("content", {}).get(PROBLEM_TYPE, {}).get("examples", {}))


AWAY = problems((503, "unavailable", "the database or the broker is away for the moment; nothing was changed"))
"""For what needs the database or the broker."""
