"""Times as one types them in the chat: `2026-03-02 08:59`, or `08:59` for that time of day.

Raises ValueError with words for whoever typed it.
"""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from shared.scripts.almanac import MOMENT, moment_in, next_time, parse_moment, parse_time_of_day

_EXPECTED = "expected a date and a time, or a time: 2026-03-02 08:59, 08:59"


def beginning(text: str, clock: datetime) -> datetime:
    """The local time at which to begin; a time of day is that of the day of `clock`."""
    if MOMENT.fullmatch(text):
        return parse_moment(text)
    return datetime.combine(clock, _time(text))


def moment(text: str, where: ZoneInfo, now: float) -> float:
    """The epoch seconds of it; a time of day is the next one."""
    if MOMENT.fullmatch(text):
        return moment_in(parse_moment(text), where)
    return next_time(_time(text), (), where, now)


def _time(text: str) -> time:
    try:
        return parse_time_of_day(text)
    except ValueError:
        raise ValueError(_EXPECTED) from None
