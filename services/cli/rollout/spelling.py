"""A policy of the API's fields as an operator would write it: what `wording` reads, the other way round. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

_UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def spelled(policy: Mapping[str, Any]) -> dict[str, str]:
    """The values of the options by their names, without the dashes; only what the policy has."""
    return {name: text for name, text in _options(policy) if text}


def duration(seconds: int) -> str:
    """5400 as `1h30m`."""
    words = []
    for unit, size in _UNITS:
        count, seconds = divmod(int(seconds), size)
        words += [f"{count}{unit}"] if count else []
    return "".join(words)


def window(given: Mapping[str, Any]) -> str:
    """`22:00-04:00@node/mon,tue`."""
    days = f"/{','.join(given['days'])}" if given.get("days") else ""
    return f"{given.get('from')}-{given.get('to')}@{given.get('time_zone') or 'node'}{days}"


def _options(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    groups = [str(size) for size in policy.get("groups") or []]
    yield "groups", ",".join([*groups[:-1], "rest"]) if groups else ""
    yield "success", _percent(policy["success_percent"]) if policy.get("success_percent") else ""
    yield "rate", _rate(policy["rate"]) if policy.get("rate") else ""
    yield "stop", "; ".join(map(_stop, policy.get("stop") or []))
    timers = policy.get("timers") or {}
    for step in ("receive", "apply", "verify"):
        yield step, duration(timers.get(f"{step}_seconds") or 0)
    yield "retries", ", ".join(f"{cause} {count}" for cause, count in (policy.get("retries") or {}).items())
    yield "deadline", duration(policy.get("deadline_seconds") or 0)
    yield "start-at", str(policy.get("start_at") or "")
    yield "window", window(policy["window"]) if policy.get("window") else ""
    yield "dynamic", "yes" if policy.get("dynamic") else ""
    yield "drift", str(policy.get("drift") or "")


def _rate(rate: Mapping[str, Any]) -> str:
    grows = rate.get("after_verified") is not None
    growth = f" x{_number(rate.get('factor') or 1)} after {rate['after_verified']}" if grows else ""
    most = f" up to {_number(rate['most_per_minute'])}" if rate.get("most_per_minute") is not None else ""
    return f"{_number(rate['per_minute'])}{growth}{most}"


def _stop(rule: Mapping[str, Any]) -> str:
    causes = f" by {','.join(rule['causes'])}" if rule.get("causes") else ""
    least = f" of {rule['least']}" if (rule.get("least") or 1) > 1 else ""
    return f"{_percent(rule['failed_percent'])}{causes}{least} then {rule.get('then') or 'pause'}"


def _percent(number: float) -> str:
    return f"{_number(number)}%"


def _number(number: float) -> str:
    return f"{number:.10g}"
