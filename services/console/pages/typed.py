"""What an operator types into a field, as the values of the API.

Each reader takes the text of a field that is not empty and raises `Mistyped` with what to write instead: a text of the
page, which is looked up where it is shown.
"""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.console.texts.catalogue import marked as _

NO_NUMBER = _("Write a number, such as 60.")
NO_WHOLE_NUMBER = _("Write a whole number, such as 10.")
NO_PERCENT = _("Write a percentage, more than 0 and at most 100.")
NO_DURATION = _("Write a time, such as 90s, 30m, 2h or 1d12h, and at most 366 days.")
NO_SIZES = _("Write numbers of nodes or shares with commas, and “rest” for what is left, such as 1, 10%, rest.")
NO_MOMENT = _("Choose a day and a time.")
NO_CLOCK = _("Choose a time of day.")
NO_ZONE = _("There is no such time zone: write one such as Asia/Taipei, or leave it empty.")
OVER = _("This time is over.")

MOST = 1_000_000
# As long as the deployer lets anything take.
_LONGEST = 366 * 86_400
# An operator types for a while, and clocks differ.
_PAST = timedelta(minutes=5)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(?:[0-9]{1,9}[smhd]\s*)+")
_NUMBER = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,6})?")
_WHOLE = re.compile(r"[0-9]{1,7}")
_SIZE = re.compile(r"([1-9][0-9]{0,5})(%?)")
# A browser may add the seconds.
_CLOCK = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])(?::[0-9.]+)?")


class Mistyped(ValueError):
    """Not of the form of its field; says which form that is."""


def number(text: str) -> float:
    """More than 0, with decimals or without: `60`, `0.5`."""
    found = float(text) if _NUMBER.fullmatch(text) else 0.0
    if not 0 < found <= MOST:
        raise Mistyped(NO_NUMBER)
    return int(found) if found.is_integer() else found


def percent(text: str) -> float:
    """`95` or `95 %`."""
    text = text.removesuffix("%").strip()
    if not _NUMBER.fullmatch(text) or not 0 < float(text) <= 100:
        raise Mistyped(NO_PERCENT)
    return number(text)


def whole(text: str, least: int = 1, most: int = MOST) -> int:
    """`10`."""
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise Mistyped(NO_WHOLE_NUMBER)
    return int(text)


def duration(text: str) -> int:
    """`30m` or `1d12h`, as seconds."""
    text = text.lower()
    seconds = sum(int(count) * _SECONDS[unit] for count, unit in re.findall(r"([0-9]+)([smhd])", text))
    if not _DURATION.fullmatch(text) or not 0 < seconds <= _LONGEST:
        raise Mistyped(NO_DURATION)
    return seconds


def sizes(text: str) -> list[int | str]:
    """`1, 10%, rest`: the last group takes what is left, whether that is written or not."""
    read: list[int | str] = []
    for word in text.lower().removesuffix(",").split(","):
        found = _SIZE.fullmatch(word.strip())
        if "100%" in read:
            raise Mistyped(NO_SIZES)
        if word.strip() in ("rest", "100%"):
            read.append("100%")
        elif found and not found[2]:
            read.append(int(found[1]))
        elif found and int(found[1]) < 100:
            read.append(found[0])
        else:
            raise Mistyped(NO_SIZES)
    return read if read[-1] == "100%" else [*read, "100%"]


def clock(text: str) -> str:
    """A time of day, as `22:30`."""
    found = _CLOCK.fullmatch(text)
    if not found:
        raise Mistyped(NO_CLOCK)
    return found[1]


def zone(text: str) -> str:
    """The name of a time zone that there is."""
    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError):  # not found, a folder, not a name
        raise Mistyped(NO_ZONE) from None
    return text


def moment(text: str, where: str, now: datetime) -> str:
    """A day and a time of this time zone, not in the past."""
    try:
        given = datetime.fromisoformat(text)
        at = given if given.tzinfo else given.replace(tzinfo=ZoneInfo(zone(where)))
        over = at < now - _PAST
    except (ValueError, OverflowError):
        raise Mistyped(NO_MOMENT) from None
    if over:
        raise Mistyped(OVER)
    return at.isoformat()
