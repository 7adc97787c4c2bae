"""Times of day, days of the week and time zones: when an `at` is due, and whether a moment lies in `hours`.

Pure arithmetic on epoch seconds. Time zones come from the `tzdata` package alone, never from the machine,
so that check and node read the same clock. A time that a day does not have (clocks go forward) counts as
the first moment after the gap; one that a day has twice (clocks go back) counts as the first of the two.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from shared.scripts.errors import nearest, shortened

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
MOMENT = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9]")


@cache
def zone_names() -> frozenset[str]:
    """Every time zone that a script may name."""
    return frozenset((files("tzdata") / "zones").read_text("utf-8").split())


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone of a name out of `zone_names`."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def canonical_zone(value: object) -> str:
    """A time zone's name, checked. Raises ValueError with words for the script's author."""
    if not isinstance(value, str):
        raise ValueError("expected a time zone such as Europe/Berlin, Asia/Taipei or UTC")
    if value not in zone_names():
        raise ValueError(f"there is no time zone {shortened(value)} ({nearest(value, zone_names())})")
    return value


def parse_time_of_day(value: object) -> time:
    """`9:00` or `09:00`. Raises ValueError."""
    found = TIME_OF_DAY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('expected a time of day from "00:00" to "23:59"')
    return time(int(found[1]), int(found[2]))


def parse_day(value: object) -> str:
    """One of `DAYS`. Raises ValueError."""
    if not isinstance(value, str) or value not in DAYS:
        raise ValueError(f"there is no day {shortened(value)} ({nearest(str(value).lower(), DAYS)})")
    return value


def parse_moment(value: object) -> datetime:
    """`2026-03-02 08:59`, without a zone. Raises ValueError."""
    try:
        if not isinstance(value, str) or not MOMENT.fullmatch(value):
            raise ValueError
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError('expected a date and a time, such as "2026-03-02 08:59"') from None


def moment_in(local: datetime, where: ZoneInfo) -> float:
    """The epoch seconds of a local time without a zone."""
    after, before = (local.replace(tzinfo=where, fold=fold).timestamp() for fold in (0, 1))
    if _local(after, where).replace(tzinfo=None) == local:
        return after
    # The day does not have this time: the gap's end lies between the two readings of it.
    earlier = _local(before, where).utcoffset()
    low, high = round(before), round(after)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _local(middle, where).utcoffset() == earlier else (low, middle)
    return float(high)


def next_time(at: time, days: tuple[str, ...], where: ZoneInfo, after: float) -> float:
    """The first moment later than `after` when it is `at` on one of `days`; no days are all days."""
    day = _local(after, where).date() - timedelta(days=1)
    while True:
        if not days or DAYS[day.weekday()] in days:
            moment = moment_in(datetime.combine(day, at), where)
            if moment > after:
                return moment
        day = _next(day)


def within_hours(begin: time, end: time, where: ZoneInfo, now: float) -> bool:
    """Whether it is `begin` or later, and before `end`; `end` may be on the next day."""
    clock = _local(now, where).time()
    return begin <= clock < end if begin < end else clock >= begin or clock < end


def day_of(where: ZoneInfo, now: float) -> str:
    """The day of the week."""
    return DAYS[_local(now, where).weekday()]


def clock_of(where: ZoneInfo, now: float) -> str:
    """The local time as people say it: `Mon 09:05`."""
    return f"{day_of(where, now).title()} {_local(now, where):%H:%M}"


def _local(moment: float, where: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone(where)


def _next(day: date) -> date:
    return day + timedelta(days=1)
