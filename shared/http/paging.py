"""Pages: opaque cursors, and the one form that every list has.

A cursor is the place of a page's last row, so rows that come and go in between neither repeat nor hide another.
"""

import base64
import binascii
import json
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from shared.http.problems import Problem

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=1000, description="rows in a page")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")]


class Page(BaseModel, Generic[Item]):
    """A page; `next_cursor` is null on the last one."""

    items: list[Item]
    next_cursor: str | None


def cursor_of(*place: str) -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str | None, parts: int) -> list[str] | None:
    """The place of a cursor, `parts` strings; None for the first page. Raises Problem for anything else."""
    if cursor is None:
        return None
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        place = None
    if not (isinstance(place, list) and len(place) == parts and all(_is_text(part) for part in place)):
        message = "is no cursor of this list: send the next_cursor of the page before, unchanged"
        errors = [{"field": "query.cursor", "message": message}]
        raise Problem(422, "invalid-request", f"query.cursor: {message}", errors=errors)
    return place


def _is_text(part: object) -> bool:
    return isinstance(part, str) and "\0" not in part and part.isprintable()
