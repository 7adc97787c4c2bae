"""Watching a deployment until every delivery is final, with a picture of it on stderr.

On a terminal a bar that moves, in a pipe a line for each change. Reading is asking again, twice a second: what counts
is the deployment's state, not the events on the way. While Callboard is away for a moment the watch goes on.
"""

import time
from collections import Counter
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
from services.cli.output import Output
from services.cli.paths import DEPLOYMENTS
from services.cli.table import Record
from shared.contracts.deployments import FINAL_DEPLOYMENT_STATES, FINAL_STATES, DeliveryState, DeploymentState

ASK_EVERY = 0.5
MOST_REASONS = 5

_FINAL = {state.value for state in FINAL_STATES}


def follow_deployment(client: Client, out: Output, deployment_id: str, timeout: float) -> Record:
    """The deployment when it is final. Raises CommandFailed when it is not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    with _picture(out.stderr) as picture:
        while True:
            try:
                deployment = _look(client, deployment_id)
                picture.show(deployment)
                if is_final(deployment):
                    return whole_deployment(client, deployment_id)
            except CommandFailed as failed:
                if not failed.passing:
                    raise
                picture.say(f"{failed.gist}; asking again")
            if time.monotonic() >= deadline:
                again = f"`callboard deployments watch {deployment_id}` looks on"
                sentence = f"{deployment_id} is not final after {timeout:g} s: {again}"
                raise CommandFailed(ExitCode.FAILED, sentence)
            time.sleep(min(ASK_EVERY, max(0.0, deadline - time.monotonic())))


def whole_deployment(client: Client, deployment_id: str) -> Record:
    """A deployment with the deliveries of all its nodes, which come in pages."""
    deployment = _look(client, deployment_id)
    deliveries = list(deployment.get("deliveries") or [])
    cursor = deployment.get("next_cursor")
    while cursor:
        page = _look(client, deployment_id, cursor)
        deliveries += page.get("deliveries") or []
        # A cursor that does not move would go round for ever.
        cursor = page.get("next_cursor") if page.get("next_cursor") != cursor else None
    return {**deployment, "deliveries": deliveries, "next_cursor": None}


def is_final(deployment: Record) -> bool:
    """Whether nothing more will happen."""
    return deployment.get("state") in {state.value for state in FINAL_DEPLOYMENT_STATES}


def all_verified(deployment: Record) -> bool:
    """Whether every node runs what it was sent."""
    totals = _totals(deployment)
    return deployment.get("state") == DeploymentState.SUCCEEDED.value and set(totals) <= {DeliveryState.VERIFIED.value}


def summary(deployment: Record) -> str:
    """`2 of 3 verified, 1 sent`."""
    totals = _totals(deployment)
    every = sum(totals.values())
    verified = totals.pop(DeliveryState.VERIFIED.value, 0)
    return ", ".join([f"{verified} of {every} verified", *(f"{count} {state}" for state, count in totals.items())])


def failures(deployment: Record) -> list[str]:
    """The reasons for which deliveries failed, the most frequent first."""
    failed = _FINAL - {DeliveryState.VERIFIED.value}
    reasons = Counter(
        f"{one.get('state')}: {one.get('reason') or 'no reason was given'}"
        for one in deployment.get("deliveries") or []
        if one.get("state") in failed
    )
    return [f"{count} × {reason}" for reason, count in reasons.most_common(MOST_REASONS)]


def _look(client: Client, deployment_id: str, cursor: str | None = None) -> dict[str, Any]:
    path = f"{DEPLOYMENTS}/{segment(deployment_id)}"
    return client.get(path, {"limit": PAGE, "cursor": cursor}, missing=DEPLOYMENT.missing(deployment_id))


def _totals(deployment: Record) -> dict[str, int]:
    return {state: count for state, count in (deployment.get("totals") or {}).items() if count}


class _Bar:
    """The picture on a terminal."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, deployment: Record) -> None:
        totals = _totals(deployment)
        final = sum(count for state, count in totals.items() if state in _FINAL)
        every = sum(totals.values())
        head = Table.grid(padding=(0, 2))
        head.add_row(ProgressBar(total=max(1, every), completed=final, width=40), f"{final} of {every} final")
        lines: list[RenderableType] = [head, Text(summary(deployment))]
        lines += [Text(visible(reason), style="red") for reason in failures(deployment)]
        if deployment.get("next_cursor"):
            lines.append(Text(f"(reasons of the first {PAGE} nodes; at the end of all)", style="dim"))
        self._live.update(Group(*lines), refresh=True)

    def say(self, sentence: str) -> None:
        self._live.update(Text(visible(sentence), style="yellow"), refresh=True)


class _Lines:
    """The picture in a pipe: only what is new."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def show(self, deployment: Record) -> None:
        self.say(summary(deployment))

    def say(self, sentence: str) -> None:
        if sentence != self._last:
            self._console.print(Text(visible(sentence)), soft_wrap=True)
            self._last = sentence


class _LiveBar(AbstractContextManager[_Bar]):
    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, transient=True, auto_refresh=False)

    def __enter__(self) -> _Bar:
        self._live.start()
        return _Bar(self._live)

    def __exit__(self, *_: Any) -> None:
        self._live.stop()


def _picture(console: Console) -> AbstractContextManager[_Bar] | AbstractContextManager[_Lines]:
    return _LiveBar(console) if console.is_terminal else nullcontext(_Lines(console))
