"""Watching a deployment until it has ended, with a picture of it on stderr.

On a terminal a bar for each group that moves, in a pipe a line for each change. Reading is asking again, twice a
second: what counts is the deployment's state, not the events on the way. While Callboard is away for a moment the
watch goes on.
"""

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from services.cli.cells import visible
from services.cli.client import PAGE, Client, segment
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import DEPLOYMENT
from services.cli.output import Output, redraws
from services.cli.paths import DEPLOYMENTS
from services.cli.rollout.telling import causes, ended, held_back, is_final, summary, totals, waiting_for
from services.cli.table import Record

ASK_EVERY = 0.5
BAR = 30
# More do not fit a terminal of 24 lines with what stands below them.
MOST_GROUPS = 12


def follow_deployment(client: Client, out: Output, deployment_id: str, timeout: float | None) -> Record:
    """The deployment when it is final. Raises CommandFailed when it is not within `timeout` seconds; None: no limit."""
    deadline = None if timeout is None else time.monotonic() + timeout
    with _picture(out.stderr) as picture:
        last: Record = {}
        while True:
            try:
                last = look(client, deployment_id)
                picture.show(last)
                if is_final(last):
                    return whole_deployment(client, deployment_id)
            except CommandFailed as failed:
                if not failed.passing:
                    raise
                picture.say(f"{failed.gist}; asking again")
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise _not_in_time(last, deployment_id, timeout)
            time.sleep(ASK_EVERY if left is None else min(ASK_EVERY, left))


def look(client: Client, deployment_id: str, cursor: str | None = None, most: int = 1) -> dict[str, Any]:
    """A deployment with at most so many of its deliveries: twice a second nobody needs ten thousand of them."""
    path = f"{DEPLOYMENTS}/{segment(deployment_id)}"
    return client.get(path, {"limit": most, "cursor": cursor}, missing=DEPLOYMENT.missing(deployment_id))


def whole_deployment(client: Client, deployment_id: str) -> Record:
    """A deployment with the deliveries of all its nodes, which come in pages."""
    deployment = look(client, deployment_id, most=PAGE)
    deliveries = list(deployment.get("deliveries") or [])
    cursor = deployment.get("next_cursor")
    while cursor:
        page = look(client, deployment_id, cursor, PAGE)
        deliveries += page.get("deliveries") or []
        # A cursor that does not move would go round for ever.
        cursor = page.get("next_cursor") if page.get("next_cursor") != cursor else None
    return {**deployment, "deliveries": deliveries, "next_cursor": None}


def _not_in_time(last: Record, deployment_id: str, timeout: float | None) -> CommandFailed:
    again = f"`callboard deployments watch {deployment_id}` looks on"
    details = [line for line in (summary(last), waiting_for(last)) if line] if last else []
    return CommandFailed(ExitCode.FAILED, f"{deployment_id} is not final after {timeout:g} s: {again}", details)


class _Bars:
    """The picture on a terminal."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._lines: list[RenderableType] = []

    def show(self, deployment: Record) -> None:
        groups = deployment.get("groups") or []
        grid = Table.grid(padding=(0, 2))
        for label, part in [("", deployment)] if len(groups) < 2 else _shown(groups):
            every = max(1, sum(totals(part).values()))
            grid.add_row(label, ProgressBar(total=every, completed=ended(part), width=BAR), summary(part))
        lines: list[RenderableType] = [grid]
        if len(groups) > 1:
            more = f"; {len(groups) - MOST_GROUPS} more groups" if len(groups) > MOST_GROUPS else ""
            lines.append(Text(f"all: {summary(deployment)}{more}"))
        lines += [Text(visible(cause), style="red") for cause in causes(deployment)]
        waits = waiting_for(deployment)
        self._lines = [*lines, Text(visible(waits), style="yellow")] if waits else lines
        self._live.update(Group(*self._lines), refresh=True)

    def say(self, sentence: str) -> None:
        self._live.update(Group(*self._lines, Text(visible(sentence), style="yellow")), refresh=True)


def _shown(groups: list[Record]) -> list[tuple[str, Record]]:
    """Some of the groups with their names: where it moves, and not the ones that are through long since."""
    moving = next((place for place, one in enumerate(groups) if ended(one) < one.get("size", 0)), len(groups) - 1)
    first = max(0, min(moving - 1, len(groups) - MOST_GROUPS))
    return [(f"group {one.get('group')}", one) for one in groups[first : first + MOST_GROUPS]]


class _Lines:
    """The picture in a pipe: only what is new."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, str] = {}

    def show(self, deployment: Record) -> None:
        groups = deployment.get("groups") or []
        begun = [(f"group {one.get('group')}: ", one) for one in groups if held_back(one) < one.get("size", 0)]
        self._last.pop("connection", None)
        for label, part in [("", deployment)] if len(groups) < 2 else begun:
            self.say(f"{label}{summary(part)}", f"progress {label}")
        self.say(", ".join(causes(deployment)), "causes")
        if not is_final(deployment):
            self.say(waiting_for(deployment), "waits")

    def say(self, sentence: str, about: str = "connection") -> None:
        if sentence != self._last.get(about, ""):
            self._last[about] = sentence
            if sentence:
                self._console.print(Text(visible(sentence)), soft_wrap=True)


class _LiveBars(AbstractContextManager[_Bars]):
    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, transient=True, auto_refresh=False)

    def __enter__(self) -> _Bars:
        self._live.start()
        return _Bars(self._live)

    def __exit__(self, *_: Any) -> None:
        self._live.stop()


def _picture(console: Console) -> AbstractContextManager[_Bars] | AbstractContextManager[_Lines]:
    return _LiveBars(console) if redraws(console) else nullcontext(_Lines(console))
