"""Bars, the chart of rates and that of hours, as points and widths; templates write the SVG. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.console.clients.accounts import Count
from services.console.live.rates import KEPT_SECONDS, LOOK_EVERY, Rate
from services.console.texts.words import tone_of

WIDTH, HEIGHT = 640.0, 120.0
HOURS_SHOWN, HOUR_WIDTH, HOURS_HEIGHT = 48, 20, 100.0
_TONES = ("good", "busy", "warn", "bad", "quiet")


@dataclass(frozen=True)
class Part:
    """A part of a bar, in percent of its width."""

    tone: str
    start: float
    width: float


def bar(totals: Mapping[str, int], total: int) -> list[Part]:
    """The parts of a bar by tone; what is not counted yet stays empty. A part that there is can be seen."""
    counts = dict.fromkeys(_TONES, 0)
    for state, number in totals.items():
        if state != "pending":
            counts[tone_of(state)] += number
    parts, start = [], 0.0
    for tone, number in counts.items():
        if number:
            width = max(1.0, 100.0 * number / max(1, total))
            parts.append(Part(tone, start, min(width, 100.0 - start)))
            start += width
    return parts


@dataclass(frozen=True)
class Chart:
    """Two lines over half an hour; `top` is the value of the upper edge."""

    messages: list[str]
    replies: list[str]
    top: float
    now_messages: float
    now_replies: float


def chart(rates: Sequence[Rate], now: datetime) -> Chart | None:
    """The chart; None before there are two points. A gap of more than two looks breaks the line."""
    if len(rates) < 2:
        return None
    top = _round_up(max(1.0, *(rate.messages for rate in rates), *(rate.replies for rate in rates)))
    return Chart(
        messages=_lines([(rate.at, rate.messages) for rate in rates], now, top),
        replies=_lines([(rate.at, rate.replies) for rate in rates], now, top),
        top=top,
        now_messages=rates[-1].messages,
        now_replies=rates[-1].replies,
    )


@dataclass(frozen=True)
class Sum:
    """What was heard and sent in a time."""

    messages: int
    replies: int


@dataclass(frozen=True)
class Column:
    """An hour of the chart: where it stands, and how high its two columns are."""

    ago: int
    messages: int
    replies: int
    x: float
    heard: float
    sent: float


@dataclass(frozen=True)
class HourChart:
    """The last two days by hours; `top` is the value of the upper edge. `shown`, `day` and `week` are sums."""

    hours: list[Column]
    top: float
    shown: Sum
    day: Sum
    week: Sum


def by_hours(counts: Sequence[Count], now: datetime) -> HourChart | None:
    """The chart of an account's hours; None before anything was counted."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    ago = {int((this_hour - one.hour).total_seconds() // 3600): one for one in counts}
    shown = {hours: one for hours, one in ago.items() if 0 <= hours < HOURS_SHOWN}
    if not any(one.messages or one.replies for one in counts):
        return None
    top = _round_up(max(1.0, *(max(one.messages, one.replies) for one in shown.values()), 1.0))
    columns = [
        Column(
            hours, one.messages, one.replies, HOUR_WIDTH * (HOURS_SHOWN - 1 - hours) + 1,
            round(HOURS_HEIGHT * one.messages / top, 1), round(HOURS_HEIGHT * one.replies / top, 1),
        )
        for hours, one in sorted(shown.items(), reverse=True)
    ]  # fmt: skip
    return HourChart(columns, top, _sum(ago, HOURS_SHOWN), _sum(ago, 24), _sum(ago, 168))


def _sum(ago: Mapping[int, Count], hours: int) -> Sum:
    within = [one for at, one in ago.items() if at < hours]
    return Sum(sum(one.messages for one in within), sum(one.replies for one in within))


def _lines(points: Sequence[tuple[datetime, float]], now: datetime, top: float) -> list[str]:
    lines: list[list[str]] = []
    before: datetime | None = None
    for at, value in points:
        if before is None or at - before > timedelta(seconds=2.5 * LOOK_EVERY):
            lines.append([])
        x = WIDTH * (1 - (now - at).total_seconds() / KEPT_SECONDS)
        lines[-1].append(f"{x:.1f},{HEIGHT * (1 - value / top):.1f}")
        before = at
    return [" ".join(line) for line in lines]


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8, 10, 20 …: its half is a round number too."""
    unit = 1.0
    while True:
        for step in (1, 2, 4, 6, 8):
            if value <= step * unit:
                return step * unit
        unit *= 10
