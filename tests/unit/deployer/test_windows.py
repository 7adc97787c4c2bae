"""Maintenance windows: when they are open and when they open, over midnight and over changes of the clock."""

from datetime import UTC, datetime

import pytest

from services.deployer.domain.rollout import Window
from services.deployer.domain.windows import closes, open_zones, opens_next, zone_of

NIGHT = {"from": "22:00", "to": "04:00"}
DAY = {"from": "09:00", "to": "17:00"}


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# 2026-01-05 is a Monday; Berlin changes to summer time on 2026-03-29 at 01:00 UTC.
@pytest.mark.parametrize(
    ("window", "zone", "now", "is_open", "opens"),
    [
        (DAY, "UTC", "2026-01-05T08:59:59", False, "2026-01-05T09:00:00"),
        (DAY, "UTC", "2026-01-05T09:00:00", True, None),
        (DAY, "UTC", "2026-01-05T17:00:00", False, "2026-01-06T09:00:00"),
        (NIGHT, "UTC", "2026-01-05T03:59:59", True, None),
        (NIGHT, "UTC", "2026-01-05T04:00:00", False, "2026-01-05T22:00:00"),
        (NIGHT, "Asia/Tokyo", "2026-01-05T13:00:00", True, None),
        (NIGHT, "Asia/Tokyo", "2026-01-05T12:59:59", False, "2026-01-05T13:00:00"),
        ({**NIGHT, "days": ["mon"]}, "UTC", "2026-01-06T03:00:00", True, None),
        ({**NIGHT, "days": ["mon"]}, "UTC", "2026-01-05T03:00:00", False, "2026-01-05T22:00:00"),
        ({**DAY, "days": ["mon"]}, "UTC", "2026-01-05T17:00:00", False, "2026-01-12T09:00:00"),
        (DAY, "Europe/Berlin", "2026-03-28T07:59:00", False, "2026-03-28T08:00:00"),
        (DAY, "Europe/Berlin", "2026-03-29T06:59:00", False, "2026-03-29T07:00:00"),
        ({"from": "02:30", "to": "05:00"}, "Europe/Berlin", "2026-03-29T01:29:00", False, "2026-03-29T01:30:00"),
        ({"from": "02:30", "to": "05:00"}, "Europe/Berlin", "2026-03-29T02:59:00", True, None),
    ],
)
def test_a_window_is_open_when_its_zone_says_so(
    window: dict[str, object], zone: str, now: str, is_open: bool, opens: str | None
) -> None:
    """Otherwise a node would be touched in its working hours, or never."""
    made = Window.model_validate(window)
    assert open_zones(made, [zone], at(now)) == ([zone] if is_open else [])
    assert opens_next(made, [zone], at(now)) == (None if opens is None else at(opens))


@pytest.mark.parametrize(
    ("zone", "of_node", "expected"),
    [
        ("node", "Asia/Tokyo", "Asia/Tokyo"),
        ("node", None, "UTC"),
        ("node", "Mars/Olympus", "UTC"),
        ("node", "../etc/passwd", "UTC"),
        ("Europe/Berlin", "Asia/Tokyo", "Europe/Berlin"),
    ],
)
def test_the_zone_is_the_windows_or_the_nodes(zone: str, of_node: str | None, expected: str) -> None:
    """Otherwise a node that says nonsense of itself would break the rollout of all."""
    assert zone_of(Window.model_validate({**NIGHT, "time_zone": zone}), of_node) == expected
    assert zone_of(None, of_node) is None


@pytest.mark.parametrize(
    ("window", "zone", "now", "closed"),
    [
        (DAY, "UTC", "2026-01-05T09:00:00", "2026-01-05T17:00:00"),
        (DAY, "UTC", "2026-01-05T08:59:59", "2026-01-04T17:00:00"),
        (DAY, "UTC", "2026-01-05T17:00:00", "2026-01-05T17:00:00"),
        (NIGHT, "Asia/Tokyo", "2026-01-05T13:00:00", "2026-01-05T19:00:00"),
        ({**DAY, "days": ["mon"]}, "UTC", "2026-01-12T08:00:00", "2026-01-05T17:00:00"),
    ],
)
def test_an_order_is_for_the_window_that_is_open_or_was_last(
    window: dict[str, object], zone: str, now: str, closed: str
) -> None:
    """A node that slept through its window would be touched when it wakes."""
    assert closes(Window.model_validate(window), zone, at(now)) == at(closed)
