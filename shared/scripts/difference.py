"""What changed between two texts of a script, line by line: for stored versions and for a file. Pure.

The time that comparing takes rises with the square of the number of lines. Texts of more than `MOST_LINES` together,
many times what anybody writes, are told as one text that went and one that came.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

# Half a second for the worst of texts; up to the limit of a script's size it would be half a minute.
MOST_LINES = 20_000
# The lines of a unified difference that name what is compared.
_HEADINGS = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """A unified difference with three lines around each change; empty when the lines are the same."""

    unified: str
    added: int
    removed: int


def difference(older: str, newer: str, *, older_name: str, newer_name: str) -> Difference:
    """From the older text to the newer one."""
    before, after = older.splitlines(), newer.splitlines()
    if before != after and len(before) + len(after) > MOST_LINES:
        lines = [f"--- {older_name}", f"+++ {newer_name}", *_replaced(before, after)]
    else:
        lines = list(difflib.unified_diff(before, after, older_name, newer_name, lineterm=""))
    return Difference("\n".join(lines), added=_count(lines, "+"), removed=_count(lines, "-"))


def _replaced(before: Sequence[str], after: Sequence[str]) -> list[str]:
    went, came = (f"-{line}" for line in before), (f"+{line}" for line in after)
    return [f"@@ -1,{len(before)} +1,{len(after)} @@", *went, *came]


def _count(lines: Sequence[str], sign: str) -> int:
    return sum(line.startswith(sign) for line in lines[_HEADINGS:])
