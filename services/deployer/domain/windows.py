"""Maintenance windows: whether one is open at a moment in a time zone, and when it opens next. Pure.

Times are wall times of the zone: one in the hour that a change to summer time leaves out is the instant at which it
would have been without the change, so a window that lies within that hour is shorter in that night. A day of the week
is the day on which the window begins.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.deployer.domain.rollout import DAYS, NODE_ZONE, UTC_ZONE, Window, known_zone

_DAY = timedelta(days=1)
# The day before may still be open, and a window on one day of the week opens again within eight days; the last one
# ended as long ago.
_DAYS_TO_LOOK_AT = range(-8, 9)


def zone_of(window: Window | None, node_zone: str | None) -> str | None:
    """The time zone that decides for a node; None without a window."""
    if window is None:
        return None
    if window.time_zone != NODE_ZONE:
        return window.time_zone
    return node_zone if node_zone and known_zone(node_zone) else UTC_ZONE


def open_zones(window: Window, zones: Collection[str], now: datetime) -> list[str]:
    """Those of the time zones in which the window is open."""
    return sorted(zone for zone in zones if any(begins <= now < ends for begins, ends in _spans(window, zone, now)))


def opens_next(window: Window, zones: Collection[str], now: datetime) -> datetime | None:
    """When it opens in one of the zones in which it is closed; None if there is none."""
    closed = set(zones) - set(open_zones(window, zones, now))
    return min((begins for zone in closed for begins, _ in _spans(window, zone, now) if begins > now), default=None)


def closes(window: Window, zone: str, now: datetime) -> datetime:
    """When the window that is open in a time zone closes; where it is closed, when it closed last."""
    begun = [(begins, ends) for begins, ends in _spans(window, zone, now) if begins <= now]
    return max(ends for _, ends in begun)


def _spans(window: Window, zone: str, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The windows around now, in UTC."""
    where = ZoneInfo(zone)
    today = now.astimezone(where).date()
    for offset in _DAYS_TO_LOOK_AT:
        day = today + offset * _DAY
        if window.days is not None and DAYS[day.weekday()] not in window.days:
            continue
        last = day if window.ends > window.begins else day + _DAY
        yield (
            datetime.combine(day, window.begins, where).astimezone(UTC),
            datetime.combine(last, window.ends, where).astimezone(UTC),
        )
