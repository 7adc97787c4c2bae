"""Sets of rows as array parameters: one statement writes any number of rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def unnest(columns: Mapping[str, str]) -> str:
    """`unnest(cast(:a as text[]), …)` for columns and their PostgreSQL types."""
    return "unnest(" + ", ".join(f"cast(:{name} as {kind}[])" for name, kind in columns.items()) + ")"


def arrays(columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """The parameters of `unnest(columns)` for rows in the order of the columns."""
    filled: dict[str, list[Any]] = {name: [] for name in columns}
    lists = list(filled.values())
    for row in rows:
        for column, value in zip(lists, row, strict=True):
            column.append(value)
    return filled
