"""What the operator sees of `callboard up`: each part as it starts, how to sign in, the fleet in numbers, the end.

On a terminal the summary is a panel that is redrawn; elsewhere (a pipe, a CI log) it is one plain line, printed when
it has changed. Both are told the same things, and neither does anything but print. What will be copied (addresses, the
token, the password, commands) stands at the end of a line of its own, in no frame, and is never cropped or broken.
"""

import os
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.cli.connection import home as default_home
from services.cli.connection_file import KeptConnection
from services.cli.output import redraws
from services.cli.stack.events import Crashed, Event, Ready, Said, Starting, Stopping
from services.cli.stack.fleet import Away, Summary
from services.cli.table import fold

_LABEL = 10
_NAME = "callboard"


@dataclass(frozen=True, slots=True)
class Row:
    """A label and a value; prose folds, what will be copied does not."""

    label: str
    value: str
    folds: bool = False


class Screen(Protocol):
    """Where the stack is shown."""

    def tell(self, event: Event) -> None:
        """Something happened."""

    def sign_in(self, connection: KeptConnection, home: Path) -> None:
        """How to reach the stack, and where its data are."""

    def summary(self, summary: Summary | Away) -> None:
        """The fleet now."""

    def last_words(self, parts: Sequence[str], home: Path, erased_with: str | None) -> None:
        """What was stopped, and what stays."""

    def close(self) -> None:
        """Leave the terminal as it was found."""


def open_screen(plain: bool) -> Screen:
    """The one that fits where our output goes."""
    console = _Outlet(highlight=False, soft_wrap=True)
    return LiveScreen(console) if redraws(console) and not plain else PlainScreen(console)


class _Outlet(Console):
    """A console whose reader may go away, as in `callboard up | head`: that is a request to stop."""

    def on_broken_pipe(self) -> None:
        """Say nothing more. Rich would raise SystemExit in whatever task is printing, and nothing would be stopped."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)
        signal.raise_signal(signal.SIGTERM)


class PlainScreen:
    """Lines, without colour."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = ""

    def tell(self, event: Event) -> None:
        """See Screen."""
        self._line(sentence(event))

    def sign_in(self, connection: KeptConnection, home: Path) -> None:
        """See Screen."""
        self._line("Callboard is up")
        self._rows(sign_in_rows(connection, home))

    def summary(self, summary: Summary | Away) -> None:
        """See Screen."""
        line = one_line(summary)
        if line != self._shown:
            self._shown = line
            self._line(line)

    def last_words(self, parts: Sequence[str], home: Path, erased_with: str | None) -> None:
        """See Screen."""
        self._rows(last_rows(parts, home, erased_with))

    def close(self) -> None:
        """See Screen."""

    def _rows(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._line(f"{row.label:{_LABEL}}{row.value}")

    def _line(self, line: str) -> None:
        self._console.print(Text(line))


class LiveScreen:
    """The same lines with a panel below them that keeps itself new."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def tell(self, event: Event) -> None:
        """See Screen."""
        self._console.print(Text(sentence(event), style=_style(event)))

    def sign_in(self, connection: KeptConnection, home: Path) -> None:
        """See Screen."""
        self._console.print(Text("\nCallboard is up", style="bold green"))
        self._rows(sign_in_rows(connection, home))
        self._console.print()

    def summary(self, summary: Summary | Away) -> None:
        """See Screen."""
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(_panel(summary, self._console.width), refresh=True)

    def last_words(self, parts: Sequence[str], home: Path, erased_with: str | None) -> None:
        """See Screen."""
        self.close()
        self._rows(last_rows(parts, home, erased_with))

    def close(self) -> None:
        """See Screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _rows(self, rows: Sequence[Row]) -> None:
        for row in rows:
            head, value = Text(f"{row.label:{_LABEL}}", style="bold"), Text(row.value)
            for line in fold(value, max(_LABEL, self._console.width - _LABEL)) if row.folds else [value]:
                self._console.print(Text.assemble(head, line))
                head = Text(" " * _LABEL)


def sentence(event: Event) -> str:
    """An event in words."""
    match event:
        case Starting(part):
            return f"  starting  {part}"
        case Ready(part, seconds):
            return f"  ready     {part} ({seconds:.1f} s)"
        case Crashed(part, reason, pause):
            return f"  crashed   {part}: {reason}; started again in {pause:.1f} s"
        case Stopping(part):
            return f"  stopping  {part}"
        case Said(text):
            return text


def sign_in_rows(connection: KeptConnection, home: Path) -> list[Row]:
    """The address, the token, and what to do with them."""
    rows = [Row("Console", connection.url), Row("Token", connection.token)]
    if _is_usual(home):
        rows += [Row("Sign in", f"{program()} nodes")]
        rows += [Row("", "(in this folder; the commands find address and token by themselves)", folds=True)]
    else:
        rows += [Row("Sign in", f"export CALLBOARD_HOME={shlex.quote(str(home))}"), Row("", f"{program()} nodes")]
    rows += [Row("API", f"{connection.url}/docs"), Row("", "(Authorize takes the token)", folds=True)]
    if connection.sandbox:
        rows += [Row("Chat", f"{program()} sandbox chat --follow")]
        rows += [Row("", f"(what guests and accounts say; `{program()} sandbox say hello` joins in)", folds=True)]
    if connection.management:
        login = connection.management
        rows += [Row("RabbitMQ", login.url), Row("User", login.username), Row("Password", login.password)]
    return [*rows, Row("Data", str(home)), Row("Stop", "Ctrl-C; the data stay", folds=True)]


def last_rows(parts: Sequence[str], home: Path, erased_with: str | None) -> list[Row]:
    """What was stopped, where its data are, how to start it again and how to erase them.

    `erased_with` is the command that removes what is kept outside the home.
    """
    place = shlex.quote(str(home))
    rows = [
        Row("Stopped", ", ".join(parts) or "nothing had been started yet", folds=True),
        Row("Data", f"{home}"),
        Row("Again", f"{program()} up" if _is_usual(home) else f"{program()} up --home {place}"),
        Row("Erase", f"rm -r {place}"),
    ]
    return [*rows, Row("", erased_with)] if erased_with else rows


def program() -> str:
    """How a shell starts this program: by its name, or by its place where no environment of Python is active."""
    installed, here = Path(sys.executable).with_name(_NAME), Path.cwd()
    if shutil.which(_NAME) or not installed.exists():
        return _NAME
    return shlex.quote(str(installed.relative_to(here) if installed.is_relative_to(here) else installed))


def _is_usual(home: Path) -> bool:
    """Whether the commands look there by themselves."""
    return home == default_home({}).resolve()


def one_line(summary: Summary | Away) -> str:
    """The summary for a log."""
    if isinstance(summary, Away):
        return f"fleet: cannot be read now: {'; '.join(summary.reasons)}"
    return (
        f"fleet: nodes {_counts(summary.nodes)} · accounts {_counts(summary.accounts)} · "
        f"messages {summary.messages} · replies {summary.replies} · deployments {summary.deployments}"
    )


def _panel(summary: Summary | Away, width: int) -> Panel:
    if isinstance(summary, Away):
        lines = [line for reason in summary.reasons for line in fold(Text(reason), width - 4)]
        return Panel(Text("\n").join(lines), title="Fleet", border_style="yellow", expand=False)
    table = Table.grid(padding=(0, 3))
    table.add_row("nodes", _counts(summary.nodes))
    table.add_row("accounts", _counts(summary.accounts))
    table.add_row("messages", str(summary.messages))
    table.add_row("replies", str(summary.replies))
    table.add_row("deployments", str(summary.deployments))
    return Panel(table, title="Fleet", border_style="cyan", expand=False)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {status}" for status, number in sorted(counts.items())) or "none yet"


def _style(event: Event) -> str:
    match event:
        case Ready():
            return "green"
        case Crashed():
            return "bold red"
        case Said():
            return "bold"
        case _:
            return "dim"
