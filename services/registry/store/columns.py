"""Columns as array literals: the quickest way for thousands of values into one statement.

The driver encodes a list element by element, which took more time than PostgreSQL took to write the rows. A column
is therefore joined into one string in PostgreSQL's array notation (`{"a",NULL,"b"}`), which the server reads natively.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from services.registry.domain.ports import Unwritable


def texts(values: Sequence[str | None]) -> str:
    """A literal of texts of any content. NUL, which JSON may carry and `text` may not, becomes U+FFFD."""
    joined = "".join(filter(None, values))
    if "\\" in joined or '"' in joined or "\0" in joined:
        values = [value and _escaped(value) for value in values]
    if None in values:
        return "{" + ",".join(["NULL" if value is None else f'"{value}"' for value in values]) + "}"
    return '{"' + '","'.join(values) + '"}' if values else "{}"  # type: ignore[arg-type]  # no None in it


def numbers(values: Iterable[int | None]) -> str:
    """A literal of integers."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def instants(values: Iterable[datetime | None]) -> str:
    """A literal of points in time. Raises Unwritable for one before year 1 or after year 9999 in UTC."""
    try:
        # In UTC, because the driver cannot read back a time whose offset brings it into another era.
        return "{" + ",".join(["NULL" if value is None else f'"{value.astimezone(UTC)}"' for value in values]) + "}"
    except OverflowError as error:
        raise Unwritable("a point in time is outside of the years 1 to 9999 in UTC") from error


def unnest(columns: dict[str, str]) -> str:
    """`unnest(...)` of one array literal for each column; `columns` are names and SQL types."""
    return "unnest(" + ", ".join(f"cast(cast(:{name} as text) as {kind}[])" for name, kind in columns.items()) + ")"


def literal(part: str) -> str:
    """A text as a part of a pattern of `like`, in which nothing stands for something else."""
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\N{REPLACEMENT CHARACTER}")
