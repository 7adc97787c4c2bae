"""Pages: opaque cursors, and the one form that every list has.

A cursor is the place of a page's last row, so rows that come and go in between neither repeat nor hide another.
"""

import base64
import json
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field, TypeAdapter

from shared.http.problems import invalid

Item = TypeVar("Item")
Place = TypeVar("Place")

Limit = Annotated[int, Query(ge=1, le=1000, description="rows in a page")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")]
NextCursor = Annotated[str | None, Field(description="send it as `cursor` for the next page; null on the last one")]


class Page(BaseModel, Generic[Item]):
    """A page; `next_cursor` is null on the last one."""

    items: list[Item]
    next_cursor: NextCursor


def cursor_of(*place: str) -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str | None, kind: TypeAdapter[Place]) -> Place | None:
    """The place of a cursor, as `kind` reads it; None for the first page. Raises Problem for anything else."""
    if cursor is None:
        return None
    try:
        return kind.validate_json(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except ValueError:  # of base64, and pydantic's own
        message = "is no cursor of this list: send the next_cursor of the page before, unchanged"
        raise invalid([{"field": "query.cursor", "message": message}]) from None
