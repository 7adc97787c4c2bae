"""Values as people see them: states in their colours, mappings and lists in a line, instants as ages.

Values come from nodes and chats: control characters are made visible and markup is never interpreted.
"""

import json
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

_STYLES = {
    "online": "green",
    "verified": "green",
    "confirmed": "green",
    "succeeded": "green",
    "error": "red",
    "failed": "red",
    "timed_out": "red",
    "offline": "yellow",
    "unconfirmed": "yellow",
    "waiting": "yellow",
    "limited": "yellow",
}


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
