"""What an operator writes for a policy, such as `1,10%,rest` or `20% of 10 then abort`, as the fields of the API.

Each reader takes the text of one option and raises `NotUnderstood` with what was meant to be there and an example.
Only the form is judged here: what the deployer alone knows (time zones, causes) it refuses itself, and its answer is
named by the option. Times without an offset are meant in this computer's time zone.
"""

import re
from datetime import datetime, time, timedelta
from typing import Any

DURATION_FORM = "a number with a unit, such as 90s, 5m, 2h, 1d or 1h30m"
GROUPS_FORM = "numbers of nodes or shares with commas, and rest for what is left, such as 1,10%,rest"
RATE_FORM = "nodes a minute, such as 60, or growing, such as '60 x2 after 50 up to 600'"
STOP_FORM = "such as '20% of 10 then abort', '5%', or '10% by tests_failed,timed_out of 20 then pause'"
WINDOW_FORM = "such as 22:00-04:00, 22:00-04:00@Europe/Berlin, or 22:00-04:00@node/mon,tue"
MOMENT_FORM = "a time such as 22:30, 2026-01-31T22:30 or 2026-01-31T22:30+01:00, or a wait such as +2h"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_NUMBER = r"\d+(?:\.\d+)?"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(?:\d+[smhd])+")
_RATE = re.compile(
    rf"(?P<rate>{_NUMBER})(?:\s+x(?P<factor>{_NUMBER})\s+after\s+(?P<after>\d+)(?:\s+up to\s+(?P<most>{_NUMBER}))?)?"
)
_STOP = re.compile(
    rf"(?P<percent>{_NUMBER})\s*%(?:\s+by\s+(?P<causes>[a-z_]+(?:\s*,\s*[a-z_]+)*))?"
    r"(?:\s+of\s+(?P<least>\d+))?(?:\s+then\s+(?P<then>pause|abort))?"
)
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
# A time zone's name has slashes too, but its last part is no word in lower case.
_WINDOW = re.compile(rf"(?P<begins>{_CLOCK})-(?P<ends>{_CLOCK})(?:@(?P<zone>[^\s,@]+?))?(?:/(?P<days>[a-z,]+))?")
# More than a leap year takes no deployment.
_MOST_DAYS = 366
# Longer ago it is a slip of the pen, and no clock that differs a little from the deployer's.
_PAST = timedelta(minutes=1)


class NotUnderstood(ValueError):
    """Text that is not of the form of its option; says which form that is."""


def group_sizes(text: str) -> list[int | str]:
    """`1,10%,rest` as the sizes of groups. What no group names is a last group of its own."""
    sizes = [_group_size(word.strip(), text) for word in text.split(",")]
    if "100%" in sizes[:-1]:
        raise NotUnderstood(f"{text!r} has groups behind the one that takes all that is left: put that one last")
    return sizes if sizes[-1] == "100%" else [*sizes, "100%"]


def percentage(text: str) -> float:
    """`95` or `95%`."""
    found = re.fullmatch(rf"({_NUMBER})\s*%?", text.strip())
    if not found:
        raise NotUnderstood(f"{text!r} is no percentage: write a number such as 95")
    percent = float(found[1])
    if not 0 < percent <= 100:
        raise NotUnderstood(f"{text!r} is no share of the nodes: write more than 0 and at most 100")
    return _whole(percent)


def rate(text: str) -> dict[str, Any]:
    """`60`, or `60 x2 after 50 up to 600`: twice as fast after every 50 verified, never faster than 600."""
    found = _RATE.fullmatch(" ".join(text.split()))
    if not found:
        raise NotUnderstood(f"{text!r} is no rate: write {RATE_FORM}")
    if not float(found["rate"]):
        raise NotUnderstood(f"{text!r} would send to nobody: write at least one node an hour, 0.02")
    read: dict[str, Any] = {"per_minute": _whole(float(found["rate"]))}
    if found["factor"]:
        if float(found["factor"]) <= 1 or not int(found["after"]):
            raise NotUnderstood(f"{text!r} does not grow: the factor must be more than 1, after at least 1 node")
        read |= {"factor": _whole(float(found["factor"])), "after_verified": int(found["after"])}
    if found["most"]:
        read["most_per_minute"] = _whole(float(found["most"]))
    return read


def stop_rule(text: str) -> dict[str, Any]:
    """`20% of 10 then abort`: when at least 10 nodes have ended and 20 % of them failed, it is aborted."""
    found = _STOP.fullmatch(" ".join(text.split()))
    if not found:
        raise NotUnderstood(f"{text!r} is no stop rule: write {STOP_FORM}")
    read: dict[str, Any] = {"failed_percent": percentage(found["percent"]), "then": found["then"] or "pause"}
    if found["least"] is not None:
        if not int(found["least"]):
            raise NotUnderstood(f"{text!r} counts from no node: of must be 1 or more, which is also meant without it")
        read["least"] = int(found["least"])
    if found["causes"]:
        read["causes"] = [cause.strip() for cause in found["causes"].split(",")]
    return read


def seconds(text: str) -> int:
    """`5m` or `1h30m` as seconds."""
    if not _DURATION.fullmatch(text.strip()):
        unit = f": {text.strip()}s are seconds, {text.strip()}m minutes" if text.strip().isdigit() else ""
        raise NotUnderstood(f"{text!r} is no duration: write {DURATION_FORM}{unit}")
    total = sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))
    if not total:
        raise NotUnderstood(f"{text!r} is no time at all: leave the option out for no limit")
    if total > _MOST_DAYS * _SECONDS["d"]:
        raise NotUnderstood(f"{text!r} is too long: write at most {_MOST_DAYS}d")
    return total


def window(text: str) -> dict[str, Any]:
    """`22:00-04:00@Europe/Berlin/mon,tue`: from, to, time zone (left out: each node's own), days on which it begins."""
    found = _WINDOW.fullmatch(text.strip())
    if not found:
        raise NotUnderstood(f"{text!r} is no window: write {WINDOW_FORM}")
    if found["begins"] == found["ends"]:
        raise NotUnderstood(f"{text!r} is empty: it ends when it begins; leave it out for the whole day")
    read: dict[str, Any] = {"from": found["begins"], "to": found["ends"], "time_zone": found["zone"] or "node"}
    if found["days"] is not None:
        read["days"] = [_day(day) for day in found["days"].split(",")]
    return read


def moment(text: str, now: datetime) -> str:
    """A time of day (the next one), a date and time, or `+2h`; `now` has an offset."""
    text = text.strip()
    if text.startswith("+"):
        return (now + timedelta(seconds=seconds(text[1:]))).isoformat(timespec="seconds")
    if re.fullmatch(_CLOCK, text):
        today = datetime.combine(now.astimezone().date(), time.fromisoformat(text))
        at = today.astimezone()
        # The day after, not 24 hours later: a night may have 23 or 25.
        return (at if at > now else (today + timedelta(days=1)).astimezone()).isoformat(timespec="seconds")
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise NotUnderstood(f"{text!r} is no time: write {MOMENT_FORM}") from None
    if len(text) <= len("2026-01-31"):
        raise NotUnderstood(f"{text!r} has no time of day: write {MOMENT_FORM}")
    at = given if given.tzinfo else given.astimezone()
    if at < now - _PAST:
        raise NotUnderstood(f"{text!r} is over: leave it out to start at once")
    return at.isoformat(timespec="seconds")


def _group_size(word: str, whole: str) -> int | str:
    if word == "rest":
        return "100%"
    found = re.fullmatch(r"(\d+)(%?)", word)
    where = repr(word) if word == whole else f"{word!r} in {whole!r}"
    if not found:
        raise NotUnderstood(f"{where} is no group: write {GROUPS_FORM}")
    size, is_share = int(found[1]), bool(found[2])
    if not size:
        raise NotUnderstood(f"{where} is a group of nobody: write at least 1 node or 1%")
    if is_share and size > 100:
        raise NotUnderstood(f"{where} is more than all nodes: a share is from 1% to 100%")
    return f"{size}%" if is_share else size


def _day(word: str) -> str:
    if word not in DAYS:
        raise NotUnderstood(f"{word!r} is no day of a window: the days are {', '.join(DAYS)}")
    return word


def _whole(number: float) -> float | int:
    """60 and not 60.0: this is shown again."""
    return int(number) if number.is_integer() else number
