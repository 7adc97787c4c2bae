"""What the operator sees of `callboard up`: each part as it starts, how to sign in, then the fleet in numbers.

On a terminal the summary is a panel that is redrawn; elsewhere (a pipe, a CI log) it is one plain line, printed when
it has changed. Both are told the same things, and neither does anything but print.
"""

from collections.abc import Mapping
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.cli.stack.connection import Connection
from services.cli.stack.events import Crashed, Event, Ready, Said, Starting, Stopping
from services.cli.stack.fleet import Summary


class Screen(Protocol):
    """Where the stack is shown."""

    def tell(self, event: Event) -> None:
        """Something happened."""

    def sign_in(self, connection: Connection) -> None:
        """How to reach the stack."""

    def summary(self, summary: Summary | None) -> None:
        """The fleet now; None when the console does not answer."""

    def close(self) -> None:
        """Leave the terminal as it was found."""


def open_screen(plain: bool) -> Screen:
    """The one that fits where our output goes."""
    console = Console(highlight=False, soft_wrap=True)
    return PlainScreen(console) if plain or not console.is_terminal else LiveScreen(console)


class PlainScreen:
    """Lines, without colour."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = ""

    def tell(self, event: Event) -> None:
        """See Screen."""
        self._line(sentence(event))

    def sign_in(self, connection: Connection) -> None:
        """See Screen."""
        for line in sign_in_lines(connection):
            self._line(line)

    def summary(self, summary: Summary | None) -> None:
        """See Screen."""
        line = one_line(summary)
        if line != self._shown:
            self._shown = line
            self._line(line)

    def close(self) -> None:
        """See Screen."""

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

    def sign_in(self, connection: Connection) -> None:
        """See Screen."""
        body = Text("\n".join(sign_in_lines(connection)), overflow="fold")
        self._console.print(Panel(body, title="Callboard is up", border_style="green", expand=False))

    def summary(self, summary: Summary | None) -> None:
        """See Screen."""
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(_panel(summary), refresh=True)

    def close(self) -> None:
        """See Screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None


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


def sign_in_lines(connection: Connection) -> list[str]:
    """The address, the token, and what to do with them."""
    lines = [
        f"Console   {connection.url}",
        f"Token     {connection.token}",
        "Sign in   `callboard nodes` and the other commands find address and token by themselves,",
        "          in this folder or with the same CALLBOARD_HOME; the API takes the header",
        "          `Authorization: Bearer <token>`, its pages are at /docs (Authorize)",
    ]
    if connection.management:
        login = connection.management
        lines.append(f"RabbitMQ  {login.url}  ({login.username} / {login.password})")
    return [*lines, "Stop      Ctrl-C; the data stay"]


def one_line(summary: Summary | None) -> str:
    """The summary for a log."""
    if summary is None:
        return "fleet: the console does not answer"
    return (
        f"fleet: nodes {_counts(summary.nodes)} · accounts {_counts(summary.accounts)} · "
        f"messages {summary.messages} · replies {summary.replies} · deployments {summary.deployments}"
    )


def _panel(summary: Summary | None) -> Panel:
    if summary is None:
        return Panel(Text("the console does not answer"), title="Fleet", border_style="yellow", expand=False)
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
