"""Tables that fit the room they are given, and never break what somebody will copy.

A cell is whole: an id, an address or a state is neither cropped nor parted. Only a column that folds may be narrowed,
and only between words. When that is not enough, spare columns are left out, the sparest first; what then still does not
fit is longer than the line, and the terminal wraps it without putting anything into it. Without a limit of room every
row is one line, for `grep` and `awk`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from services.cli.cells import cell

Record = Mapping[str, Any]

GAP = 2

# A word with the blanks behind it stays together; Chinese, Japanese and Korean have no blanks and part anywhere.
_EAST_ASIAN = r"\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60"
_WORD = re.compile(rf"[{_EAST_ASIAN}]\s*|[^\s{_EAST_ASIAN}]+\s*|\s+")


@dataclass(frozen=True)
class Column:
    """A column: its heading and where its value is, a field's name or a function of the record.

    `folds` is how narrow it may be made, 0 for not at all. `spare` says how well one can do without it, 0 for not.
    """

    heading: str
    value: str | Callable[[Record], Any]
    folds: int = 0
    spare: int = 0

    def text(self, record: Record) -> Text:
        """The cell for `record`."""
        return cell(record.get(self.value) if isinstance(self.value, str) else self.value(record))


@dataclass(frozen=True)
class Table:
    """A table as lines, the headings first, and the headings of the columns that had to be left out."""

    lines: tuple[Text, ...]
    left_out: tuple[str, ...]
    width: int


class _Filled:
    """A column with its cells: how wide it would like to be, and how narrow it may become."""

    def __init__(self, column: Column, records: Sequence[Record], one_line: bool) -> None:
        self.column = column
        texts = [column.text(record) for record in records]
        self.cells = texts if column.folds and not one_line else [Text(" ").join(text.split("\n")) for text in texts]
        heading = cell_len(column.heading)
        self.wish = max(heading, *(cell_len(line.plain) for text in self.cells for line in text.split("\n")), 0)
        words = (cell_len(word.rstrip()) for text in self.cells for word in _WORD.findall(text.plain))
        self.least = min(self.wish, max(heading, column.folds, *words, 0)) if column.folds else self.wish


def lay_out(columns: Sequence[Column], records: Sequence[Record], room: int | None) -> Table:
    """The table for a line of `room` cells; None for no limit."""
    kept = [_Filled(column, records, one_line=room is None) for column in columns]
    left_out = []
    while room is not None and _total([one.least for one in kept]) > room:
        sparest = max(kept, key=lambda one: one.column.spare)
        if not sparest.column.spare:
            break
        kept.remove(sparest)
        left_out.append(sparest.column.heading)
    widths = _widths(kept, room)
    lines = _row([[Text(one.column.heading, style="bold")] for one in kept], widths)
    for number in range(len(records)):
        cells = [
            fold(one.cells[number], width) if one.column.folds else [one.cells[number]]
            for one, width in zip(kept, widths, strict=True)
        ]
        lines += _row(cells, widths)
    return Table(tuple(lines), tuple(left_out), _total(widths))


def fold(text: Text, width: int) -> list[Text]:
    """The text in lines of at most `width` cells, parted between words; a word that is longer stays whole."""
    lines: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        offsets, used = [], 0
        for word in _WORD.finditer(line.plain):
            if used and used + cell_len(word[0].rstrip()) > width:
                offsets.append(word.start())
                used = 0
            used += cell_len(word[0])
        lines += line.divide(offsets)
    for line in lines:
        line.rstrip()
    return lines


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * max(0, len(widths) - 1)


def _widths(kept: Sequence[_Filled], room: int | None) -> list[int]:
    widths = [one.least for one in kept]
    left = None if room is None else max(0, room - _total(widths))
    for number, one in enumerate(kept):
        more = one.wish - one.least if left is None else min(one.wish - one.least, left)
        widths[number] += more
        left = None if left is None else left - more
    return widths


def _row(cells: Sequence[Sequence[Text]], widths: Sequence[int]) -> list[Text]:
    lines = []
    for parts in zip_longest(*cells, fillvalue=Text()):
        line = Text()
        for part, width in zip(parts, widths, strict=True):
            line.append_text(part)
            line.append(" " * (width - cell_len(part.plain) + GAP))
        line.rstrip()
        lines.append(line)
    return lines
