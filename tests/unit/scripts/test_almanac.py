"""Clocks on walls: times of day, days, time zones, and the two nights a year that are not like others."""

from datetime import UTC, datetime, time, timedelta
from importlib.resources import files

import pytest

from shared.scripts.almanac import (
    canonical_zone,
    day_of,
    moment_in,
    next_time,
    parse_moment,
    parse_time_of_day,
    within_hours,
    zone,
    zone_names,
)


def _moments(place: str, at: str, begin: str, count: int, days: tuple[str, ...] = ()) -> list[str]:
    """The next times after a local moment, in local time."""
    where = zone(place)
    now = moment_in(parse_moment(begin), where)
    found = []
    for _ in range(count):
        now = next_time(parse_time_of_day(at), days, where, now)
        found.append(datetime.fromtimestamp(now, UTC).astimezone(where).strftime("%a %d %H:%M %z"))
    return found


def test_a_time_comes_once_a_day() -> None:
    """An announcement would come twice, or on some days only."""
    assert _moments("UTC", "9:00", "2026-03-02 08:59", 3) == [
        "Mon 02 09:00 +0000",
        "Tue 03 09:00 +0000",
        "Wed 04 09:00 +0000",
    ]
    assert _moments("UTC", "09:00", "2026-03-02 09:00", 1) == ["Tue 03 09:00 +0000"]


def test_a_time_comes_on_its_days_in_its_zone() -> None:
    """A desk in Taipei would be opened by London's clock, or on Sundays."""
    assert _moments("Asia/Taipei", "00:30", "2026-03-02 08:59", 2, ("sat", "mon")) == [
        "Sat 07 00:30 +0800",
        "Mon 09 00:30 +0800",
    ]


def test_a_time_that_does_not_exist_comes_when_the_clocks_go_on() -> None:
    """A call at half past two would be left out on the night when that half hour is skipped, or come twice."""
    assert _moments("Europe/Berlin", "02:30", "2026-03-28 12:00", 2) == ["Sun 29 03:00 +0200", "Mon 30 02:30 +0200"]
    assert _moments("Australia/Lord_Howe", "02:15", "2026-10-03 12:00", 2) == [
        "Sun 04 02:30 +1100",
        "Mon 05 02:15 +1100",
    ]


def test_a_time_that_comes_twice_counts_once() -> None:
    """A call at half past two would come twice on the night when that half hour is repeated."""
    assert _moments("Europe/Berlin", "02:30", "2026-10-24 12:00", 2) == ["Sun 25 02:30 +0200", "Mon 26 02:30 +0100"]


def test_a_day_that_does_not_exist_is_passed() -> None:
    """Where a whole day was skipped, the search for its times would never end."""
    where = zone("Pacific/Apia")
    now = moment_in(datetime(2011, 12, 29, 12), where)  # noqa: DTZ001 - a local time is without a zone
    first = next_time(time(9), (), where, now)
    assert next_time(time(9), (), where, first) - first == timedelta(hours=9).total_seconds()


@pytest.mark.parametrize("place", sorted(zone_names())[::9])
def test_every_zone_can_be_used(place: str) -> None:
    """A script would be accepted and raise on the node."""
    assert canonical_zone(place) == place
    now = moment_in(parse_moment("2026-03-02 08:59"), zone(place))
    assert 0 < next_time(time(9), (), zone(place), now) - now <= 60


def test_zones_come_from_the_package_and_not_from_the_machine() -> None:
    """A node with an old or no time zone database would refuse what the check accepts."""
    assert len(zone_names()) > 400
    assert all(files("tzdata").joinpath("zoneinfo", *name.split("/")).is_file() for name in zone_names())


@pytest.mark.parametrize(
    ("begin", "end", "now", "inside"),
    [
        ("09:00", "18:00", "09:00", True),
        ("09:00", "18:00", "17:59", True),
        ("09:00", "18:00", "18:00", False),
        ("09:00", "18:00", "08:59", False),
        ("22:00", "06:00", "23:00", True),
        ("22:00", "06:00", "05:59", True),
        ("22:00", "06:00", "06:00", False),
        ("22:00", "00:00", "23:59", True),
        ("00:00", "06:00", "00:00", True),
    ],
)
def test_hours_have_a_beginning_and_an_end(begin: str, end: str, now: str, inside: bool) -> None:
    """A night desk would be closed at night."""
    where = zone("Asia/Taipei")
    moment = moment_in(parse_moment(f"2026-03-02 {now}"), where)
    assert within_hours(parse_time_of_day(begin), parse_time_of_day(end), where, moment) == inside


def test_the_day_is_the_local_one() -> None:
    """Monday in Taipei would begin eight hours late."""
    moment = moment_in(parse_moment("2026-03-02 00:10"), zone("Asia/Taipei"))
    assert day_of(zone("Asia/Taipei"), moment) == "mon"
    assert day_of(zone("UTC"), moment) == "sun"
