"""`callboard events tail`: what changes in the fleet and in deployments, as it happens."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import islice
from typing import Annotated, Any

import typer
from httpx_sse import ServerSentEvent

from services.cli.command import Session, command, new_group
from services.cli.commands.assigning import standing
from services.cli.failures import CommandFailed, ExitCode
from services.cli.table import Record
from services.cli.tail import follow_events
from shared.contracts.drift import DriftNews
from shared.randomness import SystemRandomness

events = new_group("Changes as they happen.", lists=False)

_TYPE = re.compile(r"[a-z0-9.*-]+")


@command(events, "tail")
def tail(
    session: Session,
    types: Annotated[
        str | None,
        typer.Option("--types", metavar="TYPES", help="Only these, with commas; 'deploy.*' is all that begin so."),
    ] = None,
    number: Annotated[
        int | None, typer.Option("-n", "--number", metavar="N", min=1, help="End after so many events.")
    ] = None,
) -> None:
    """Print events until Ctrl-C.

    A connection that breaks is taken up again, and what happened meanwhile is shown, as far as it is still kept.
    """
    wanted = [one.strip() for one in (types or "").split(",") if one.strip()]
    _look_at(session, wanted)
    for event in islice(follow_events(session.client, wanted, session.out.note, SystemRandomness()), number):
        _show(session, event)


def _look_at(session: Session, wanted: Sequence[str]) -> None:
    """A type that cannot be is refused; one that is not known here may be a newer service's, so it is only told."""
    known = ", ".join(_SENTENCES)
    for one in wanted:
        if not _TYPE.fullmatch(one):
            sentence = f"{one!r} is no type of events, which is small letters, digits, '.' and '-', with * for any"
            raise CommandFailed(ExitCode.REFUSED, f"{sentence}: there are {known}")
        if not any(fnmatchcase(kind, one) for kind in _SENTENCES):
            session.out.note(f"no event that is known here is called {one!r}: there are {known}")


def _show(session: Session, event: ServerSentEvent) -> None:
    data = _parsed(event.data)
    if session.out.as_json:
        session.out.json({"id": event.id, "type": event.event, "data": data}, on_one_line=True)
        return
    session.out.line(f"{_time(data)}  {event.event}  {sentence(event.event, data)}")


def _parsed(data: str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data


def _time(data: Any) -> str:
    try:
        return datetime.fromisoformat(data["at"]).astimezone().strftime("%H:%M:%S")
    except (KeyError, TypeError, ValueError):
        return "--:--:--"


def sentence(kind: str, data: Any) -> str:
    """An event for a person; one that is not known here is shown as it came."""
    tell = _SENTENCES.get(kind)
    if tell is None or not isinstance(data, dict):
        return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return tell(data)


def _node(data: Record) -> str:
    return f"{data.get('node_id')} is {data.get('status')} with {data.get('account_count', 0)} accounts"


def _accounts(data: Record) -> str:
    told = [
        f"{one.get('account_id')} {one.get('status')}"
        + (f" ({one['status_reason']})" if one.get("status_reason") else "")
        for one in data.get("accounts") or []
    ]
    told += [f"{account} removed" for account in data.get("removed") or []]
    return f"{data.get('node_id')}: {', '.join(told)}"


def _counters(data: Record) -> str:
    told = [
        f"{one.get('account_id')} {one.get('message_count')} messages, {one.get('reply_count')} replies"
        for one in data.get("accounts") or []
    ]
    return f"{data.get('node_id')}: {'; '.join(told)}"


def _deployment(data: Record) -> str:
    totals = ", ".join(f"{count} {state}" for state, count in (data.get("totals") or {}).items() if count)
    return f"{data.get('deployment_id')} {_artifact(data)} {data.get('state')}" + (f" ({totals})" if totals else "")


def _delivery(data: Record) -> str:
    reason = f": {data['reason']}" if data.get("reason") else ""
    return f"{data.get('node_id')} {_artifact(data)} {data.get('state')}{reason}"


def _drift(data: Record) -> str:
    change, desired = data.get("change"), data.get("desired") or {}
    script = " ".join(str(one) for one in (data.get("script_id"), desired.get("version")) if one)
    news = str(data.get("state") if change == DriftNews.FOUND else change).replace("_", " ")
    reason = f": {data['reason']}" if data.get("reason") else ""
    return f"{data.get('node_id')} {script} {news}{reason}"


def _login(data: Record) -> str:
    version = f"login version {data.get('version')}"
    told = f"has {version}" if data.get("change") == "announced" else f"{version} {data.get('change')}"
    return f"{data.get('account_id')}: {told} (origin {data.get('origin')})"


def _artifact(data: Record) -> str:
    artifact = data.get("artifact") or {}
    if data.get("removes"):
        return f"removal of {artifact.get('id')}"
    return f"{artifact.get('id')} {artifact.get('version')}"


_SENTENCES: dict[str, Callable[[Record], str]] = {
    "fleet.node.v1": _node,
    "fleet.accounts-changed.v1": _accounts,
    "fleet.accounts-counted.v1": _counters,
    "fleet.assignment.v1": standing,
    "deploy.deployment.v1": _deployment,
    "deploy.delivery.v1": _delivery,
    "deploy.drift.v1": _drift,
    "deploy.session.v1": _login,
}
