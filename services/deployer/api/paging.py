"""Pages: `limit` and an opaque `cursor`. A cursor is the place after which the next page begins."""

import base64
import binascii
import json
from typing import Annotated

from fastapi import Query

from shared.http import Problem

Limit = Annotated[int, Query(ge=1, le=1000, description="at most this many")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")]


def cursor_of(*place: str) -> str:
    """The cursor for a place."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str | None, parts: int) -> list[str] | None:
    """The place of a cursor; None for the first page. Raises Problem for one that was not made here."""
    if cursor is None:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        place = None
    if isinstance(place, list) and len(place) == parts and all(isinstance(part, str) for part in place):
        return place
    message = "is no cursor of this list: send the next_cursor of the page before, unchanged"
    raise Problem(
        422, "invalid-request", f"query.cursor: {message}", errors=[{"field": "query.cursor", "message": message}]
    )
