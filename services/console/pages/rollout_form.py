"""The form of a push or a removal as the body of its order.

The services judge an order; here only the form of what was typed is read. What cannot be meant is named by its field,
and so is what the deployer refuses, so that every mistake is told where it was made. Nothing that was left empty is in
the order: what it is then, the deployer says.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from services.console.clients.api import Refused
from services.console.pages import typed
from services.console.pages.desk import Form
from services.console.pages.typed import Mistyped
from services.console.texts.catalogue import marked as _
from shared.contracts.deliveries import FailureCause

Value = TypeVar("Value")

GROUPS: dict[str, list[int | str]] = {
    "careful": [1, "100%"],
    "steps": [1, "10%", "100%"],
    "at-once": ["100%"],
}
STOPS = ("20", "5", "50", "none")
DEADLINES = {"1d": 86_400, "1h": 3600, "7d": 604_800}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# How a failed delivery is counted; the last two have no cause that a node told.
CAUSES = (*(cause.value for cause in FailureCause), "timed_out", "other")
# How often a failed attempt is tried again if nothing is said, as the deployer has it.
TRIED = {cause.value: 9 if cause.retryable else 0 for cause in FailureCause}
STEPS = ("receive", "apply", "verify")
OWN = "own"

NO_NODES = _("Choose at least one node.")
NO_SELECTOR = _("Write which labels, or “all”.")
NO_ACCOUNTS = _("Name the accounts, with commas between them.")
NO_WINDOW = _("A window has a beginning and an end, and they differ.")
NO_GROWTH = _("A rate that grows has both: by how much, more than 1 and at most 10, and after how many nodes.")
NO_RATE = _("First write how many nodes a minute.")
# As many as nobody waits for.
MOST_RETRIES = 1000

# The fields of the order by those of the form; a longer one wins.
_PLACES = {
    "version": "version",
    "bind": "accounts",
    "node_ids": "node",
    "selector": "selector",
    "rollout.groups": "own_groups",
    "rollout.success_percent": "success",
    "rollout.rate": "rate",
    "rollout.rate.factor": "rate_factor",
    "rollout.rate.after_verified": "rate_after",
    "rollout.rate.most_per_minute": "rate_most",
    "rollout.stop": "stop",
    "rollout.stop.0.least": "stop_least",
    "rollout.deadline_seconds": "own_deadline",
    "rollout.start_at": "start_at",
    "rollout.window": "window_to",
    "rollout.window.time_zone": "window_zone",
    "rollout.dynamic": "dynamic",
    "rollout.drift": "drift",
    **{f"rollout.timers.{step}_seconds": step for step in STEPS},
    **{f"rollout.retries.{cause}": f"retry_{cause}" for cause in TRIED},
}
# What is folded away as long as nobody has said anything in it.
FOLDED = (
    "rate", "rate_factor", "rate_after", "rate_most", "start_at", "window_from", "window_to", "window_day",
    "window_zone", "success", "stop_least", "stop_cause", *STEPS, *(f"retry_{cause}" for cause in TRIED), "dynamic",
)  # fmt: skip
_DEFAULTS = {"stop_then": "pause", "drift": "repair"}


@dataclass(frozen=True)
class Read:
    """The body that the form means, and what is wrong in it by its fields: texts of the page."""

    order: dict[str, Any]
    mistakes: dict[str, str]


def read_push(form: Form, now: datetime) -> Read:
    """A push: which version to which nodes, who plays it, and how."""
    reader, version = _Reader(form), form.one("version")
    order: dict[str, Any] = {
        "version": int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None,
        "bind": reader.bind(),
    }
    return Read(order | reader.targets() | {"rollout": reader.rollout(now)}, reader.mistakes)


def read_removal(form: Form, now: datetime) -> Read:
    """A removal: from which nodes, and how."""
    reader = _Reader(form)
    return Read(reader.targets() | {"rollout": reader.rollout(now)}, reader.mistakes)


def refused_fields(refused: Refused) -> tuple[dict[str, str], list[Mapping[str, Any]]]:
    """What the deployer refuses, by the form's fields, and what belongs to none of them."""
    told: dict[str, str] = {}
    left: list[Mapping[str, Any]] = []
    for error in refused.errors:
        place = str(error.get("field", "")).removeprefix("body.")
        fitting = [one for one in _PLACES if place == one or place.startswith(f"{one}.")]
        if fitting:
            told.setdefault(_PLACES[max(fitting, key=len)], str(error.get("message", "")))
        else:
            left.append(error)
    return told, left


def unfolded(form: Form, mistakes: Iterable[str]) -> bool:
    """Whether anything is said, or wrong, in what is folded away."""
    given = any(form.many(name) for name in FOLDED)
    other = any(form.one(name) not in ("", default) for name, default in _DEFAULTS.items())
    return given or other or any(name in FOLDED for name in mistakes)


class _Reader:
    """Reads the fields, and keeps what is wrong with them."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self.mistakes: dict[str, str] = {}

    def targets(self) -> dict[str, Any]:
        """Which nodes."""
        if self._form.one("by") == "selector":
            return {"selector": self._read("selector", str, NO_SELECTOR)}
        if not self._form.many("node"):
            self.mistakes["node"] = NO_NODES
        return {"node_ids": self._form.many("node")}

    def bind(self) -> str | list[str] | None:
        """Who plays it from then on."""
        match self._form.one("bind"):
            case "all":
                return "all"
            case "accounts":
                return self._read("accounts", _names, NO_ACCOUNTS)
            case _:
                return None

    def rollout(self, now: datetime) -> dict[str, Any]:
        """The policy, without what was left empty."""
        tried = partial(typed.whole, least=0, most=MOST_RETRIES)
        policy: dict[str, Any] = {
            "groups": self._groups(),
            "success_percent": self._read("success", typed.percent),
            "rate": self._rate(),
            "stop": self._stop(),
            "timers": _given({f"{step}_seconds": self._read(step, typed.duration) for step in STEPS}),
            "retries": _given({cause: self._read(f"retry_{cause}", tried) for cause in TRIED}),
            "deadline_seconds": self._deadline(),
            "start_at": self._read("start_at", lambda text: typed.moment(text, self._form.one("zone") or "UTC", now)),
            "window": self._window(),
            # Late joiners belong to nodes by label, and the field is there only with them.
            "dynamic": (self._form.one("dynamic") == "yes" and self._form.one("by") == "selector") or None,
            "drift": "report" if self._form.one("drift") == "report" else None,
        }
        return {name: value for name, value in policy.items() if value is not None and value != {}}

    def _read(self, field: str, read: Callable[[str], Value], if_empty: str = "") -> Value | None:
        given = self._form.one(field)
        if not given:
            if if_empty:
                self.mistakes[field] = if_empty
            return None
        try:
            return read(given)
        except Mistyped as mistake:
            self.mistakes[field] = str(mistake)
            return None

    def _groups(self) -> list[int | str] | None:
        if self._form.one("groups") == OWN:
            return self._read("own_groups", typed.sizes, typed.NO_SIZES)
        return GROUPS.get(self._form.one("groups"), GROUPS["careful"])

    def _deadline(self) -> int | None:
        if self._form.one("deadline") == OWN:
            return self._read("own_deadline", typed.duration, typed.NO_DURATION)
        return DEADLINES.get(self._form.one("deadline"))

    def _rate(self) -> dict[str, Any] | None:
        grows = bool(self._form.one("rate_factor") or self._form.one("rate_after"))
        more = grows or bool(self._form.one("rate_most"))
        rate = {
            "per_minute": self._read("rate", typed.number, NO_RATE if more else ""),
            "factor": self._read("rate_factor", _factor, NO_GROWTH if grows else ""),
            "after_verified": self._read("rate_after", typed.whole, NO_GROWTH if grows else ""),
            "most_per_minute": self._read("rate_most", typed.number),
        }
        return _given(rate) or None

    def _stop(self) -> list[dict[str, Any]] | None:
        percent, least = self._form.one("stop"), self._read("stop_least", typed.whole)
        if percent not in STOPS or percent == "none":
            return None
        then = "abort" if self._form.one("stop_then") == "abort" else "pause"
        rule: dict[str, Any] = {"failed_percent": int(percent), "least": least or 1, "then": then}
        causes = [cause for cause in CAUSES if cause in self._form.many("stop_cause")]
        return [rule | ({"causes": causes} if causes else {})]

    def _window(self) -> dict[str, Any] | None:
        days = [day for day in DAYS if day in self._form.many("window_day")]
        zone = self._read("window_zone", typed.zone)
        if not any(self._form.many(name) for name in ("window_from", "window_to", "window_day", "window_zone")):
            return None
        begins, ends = (self._read(name, typed.clock, NO_WINDOW) for name in ("window_from", "window_to"))
        if begins is not None and begins == ends:
            self.mistakes["window_to"] = NO_WINDOW
        return {"from": begins, "to": ends, "time_zone": zone or "node"} | ({"days": days} if days else {})


def _names(text: str) -> list[str]:
    names = [one for one in re.split(r"[\s,]+", text) if one]
    if not names:
        raise Mistyped(NO_ACCOUNTS)
    return names


def _factor(text: str) -> float:
    factor = typed.number(text)
    if not 1 < factor <= 10:
        raise Mistyped(NO_GROWTH)
    return factor


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
