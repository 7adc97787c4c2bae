"""What people and programs get to see: tables or JSON to stdout, everything else to stderr.

On a terminal tables are coloured and folded to its width; in a pipe they are plain and as wide as they need to be,
so that `grep` and `awk` see whole values. Values come from nodes and chats: control characters are made visible and
markup is never interpreted.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.failures import CommandFailed

Record = Mapping[str, Any]

# Wider than any row: what is not a terminal gets no folding.
UNFOLDED = 10_000

_STYLES = {
    "online": "green",
    "verified": "green",
    "succeeded": "green",
    "error": "red",
    "failed": "red",
    "timed_out": "red",
    "offline": "yellow",
    "waiting": "yellow",
    "limited": "yellow",
}


@dataclass(frozen=True)
class Column:
    """A column: its heading and where its value is, a field's name or a function of the record."""

    heading: str
    value: str | Callable[[Record], Any]

    def text(self, record: Record) -> Text:
        """The cell for `record`."""
        value = record.get(self.value) if isinstance(self.value, str) else self.value(record)
        return cell(value)


class Output:
    """The two streams of a command."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._stdout = _console(sys.stdout)
        self.stderr = _console(sys.stderr)

    def json(self, value: Any, *, on_one_line: bool = False) -> None:
        """A value for programs."""
        text = json.dumps(value, ensure_ascii=False, indent=None if on_one_line else 2)
        print(text, file=sys.stdout, flush=True)

    def line(self, text: str) -> None:
        """A line for people, on stdout."""
        self._stdout.print(Text(visible(text)))

    def note(self, text: str) -> None:
        """A line beside the answer, on stderr."""
        self.stderr.print(Text(visible(text)))

    def listing(self, page: Record, columns: Sequence[Column], nothing: str) -> None:
        """A page of a list: JSON as the API gives it, or a table, or the sentence for an empty one."""
        if self.as_json:
            self.json(page)
        elif page["items"]:
            self.table(page["items"], columns)
        else:
            self.note(nothing)
        if page.get("next_cursor"):
            self.note("there are more: say --all, or a higher --limit")

    def table(self, records: Iterable[Record], columns: Sequence[Column]) -> None:
        """A table, on stdout."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for column in columns:
            table.add_column(column.heading, overflow="fold")
        for record in records:
            table.add_row(*(column.text(record) for column in columns))
        self._stdout.print(table)

    def record(self, record: Record) -> None:
        """Everything that is known of one thing: its fields, and a table for each list of things in it."""
        if self.as_json:
            self.json(record)
            return
        lists = {name: value for name, value in record.items() if _is_list_of_things(value)}
        plain = [{"name": name, "value": value} for name, value in record.items() if name not in lists]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for one in plain:
            table.add_row(cell(one["name"]), cell(one["value"]))
        self._stdout.print(table)
        for name, things in lists.items():
            self._stdout.print()
            self._stdout.print(Text(visible(name), style="bold"))
            self.table(things, [Column(field, field) for field in things[0]])

    def failure(self, failed: CommandFailed) -> None:
        """Why a command failed, on stderr."""
        self.stderr.print(Text(f"callboard: {visible(failed.sentence)}", style="red"))
        for detail in failed.details:
            self.stderr.print(Text(f"  {visible(detail)}"))


def cell(value: Any) -> Text:
    """A value as a cell: a state in its colour, a mapping as `a=b`, a list with commas."""
    match value:
        case None | "":
            return Text("-", style="dim")
        case bool():
            return Text("yes" if value else "no")
        case dict():
            return cell(", ".join(f"{name}={_inner(item)}" for name, item in value.items()))
        case list():
            return cell(", ".join(_inner(item) for item in value))
        case _:
            return Text(visible(str(value)), style=_STYLES.get(str(value), ""))


def age(instant: str | None, now: datetime | None = None) -> str:
    """How long ago an ISO 8601 instant was: `12 s ago`; empty for none, as it is when it is no instant."""
    if not instant:
        return ""
    try:
        seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(instant)).total_seconds()
    except (ValueError, TypeError):
        return instant
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{max(0, int(seconds))} s ago"


def visible(text: str) -> str:
    """The text with its control characters made visible: what a node reports must not steer a terminal."""
    return "".join(one if one.isprintable() or one == "\n" else f"\\x{ord(one):02x}" for one in text)


def _inner(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _is_list_of_things(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _console(stream: Any) -> Console:
    width = None if stream.isatty() else UNFOLDED
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
