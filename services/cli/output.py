"""What people and programs get to see: tables or JSON to stdout, everything else to stderr.

On a terminal tables are coloured and fit its width; in a pipe they are plain and as wide as they need to be, so that
`grep` and `awk` see whole values. Lines that may be copied (ids, addresses, a script's text) are printed as they are:
the terminal wraps them and puts nothing into them.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from services.cli.cells import cell, visible
from services.cli.failures import CommandFailed
from services.cli.table import GAP, Column, Record, fold, lay_out

# Where a value has less room than this beside its name, it is better wrapped by the terminal.
LEAST_VALUE = 20


def redraws(console: Console) -> bool:
    """Whether a picture can be drawn over again; on a terminal that cannot (TERM=dumb) it would not be shown at all."""
    return console.is_terminal and not console.is_dumb_terminal


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
        """A line for people, on stdout, as it is."""
        _print(self._stdout, Text(visible(text)))

    def styled(self, line: Text) -> None:
        """A line for people in its colours, on stdout."""
        _print(self._stdout, line)

    def note(self, text: str) -> None:
        """A sentence beside the answer, on stderr."""
        _print_folded(self.stderr, Text(visible(text)))

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
        table = lay_out(columns, list(records), _room(self._stdout))
        for line in table.lines:
            _print(self._stdout, line)
        if table.left_out:
            self.note(f"(this terminal is too narrow for: {', '.join(table.left_out)}; `| cat` or --json shows all)")

    def record(self, record: Record) -> None:
        """Everything that is known of one thing: its fields, then the things that it has, under their name."""
        if self.as_json:
            self.json(record)
            return
        lists = {name: value for name, value in record.items() if _is_list_of_things(value)}
        self._fields({name: value for name, value in record.items() if name not in lists})
        for name, things in lists.items():
            _print(self._stdout, Text(f"\n{visible(name)}", style="bold"))
            self._things(things)

    def fields(self, record: Record) -> None:
        """Names and values, one below the other; nothing for none."""
        self._fields(record)

    def failure(self, failed: CommandFailed) -> None:
        """Why a command failed, on stderr."""
        _print_folded(self.stderr, Text(f"callboard: {visible(failed.sentence)}", style="red"))
        for detail in failed.details:
            # The difference of a script's test has lines of its own.
            _print(self.stderr, Text("  " + visible(detail).replace("\n", "\n  ")))

    def _things(self, things: Sequence[Record]) -> None:
        """A table where it fits; else each by itself, for here nothing may be left out."""
        room = _room(self._stdout)
        table = lay_out([Column(field, field) for field in things[0]], things, room)
        if room is None or table.width <= room:
            for line in table.lines:
                _print(self._stdout, line)
            return
        for number, thing in enumerate(things):
            if number:
                _print(self._stdout, Text())
            self._fields(thing, indent=2)

    def _fields(self, record: Record, indent: int = 0) -> None:
        width = max((cell_len(visible(name)) for name in record), default=0)
        before = indent + width + GAP
        room = _room(self._stdout)
        for name, value in record.items():
            text = cell(value)
            lines = text.split("\n") if room is None else fold(text, max(LEAST_VALUE, room - before))
            head = Text(" " * indent + visible(name), style="bold")
            for number, line in enumerate(lines):
                start = head if number == 0 else Text()
                _print(self._stdout, Text.assemble(start, " " * (before - cell_len(start.plain)), line))


def _is_list_of_things(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _console(stream: Any) -> Console:
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _room(console: Console) -> int | None:
    """The width of a terminal; None for a pipe or a file, which have none."""
    return console.width if console.file.isatty() else None


def _print(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True)


def _print_folded(console: Console, text: Text) -> None:
    room = _room(console)
    for line in [text] if room is None else fold(text, room):
        _print(console, line)
