"""A policy in an operator's words: each form as the API's fields, and each mistake with what was meant to be there."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from services.cli.rollout.wording import (
    NotUnderstood,
    group_sizes,
    moment,
    percentage,
    rate,
    seconds,
    stop_rule,
    window,
)

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_taipei(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This computer's time zone."""
    monkeypatch.setenv("TZ", "Asia/Taipei")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("read", "text", "meant"),
    [
        (group_sizes, "1,10%,rest", [1, "10%", "100%"]),
        (group_sizes, "1, 10% ,100%", [1, "10%", "100%"]),
        (group_sizes, "1,10%", [1, "10%", "100%"]),
        (group_sizes, "rest", ["100%"]),
        (group_sizes, "05%", ["5%", "100%"]),
        (percentage, "95", 95),
        (percentage, "99.5 %", 99.5),
        (rate, "60", {"per_minute": 60}),
        (rate, "0.5", {"per_minute": 0.5}),
        (rate, "60 x2 after 50", {"per_minute": 60, "factor": 2, "after_verified": 50}),
        (
            rate,
            "60  x1.5 after 50 up to 600",
            {"per_minute": 60, "factor": 1.5, "after_verified": 50, "most_per_minute": 600},
        ),
        (stop_rule, "20%", {"failed_percent": 20, "then": "pause"}),
        (stop_rule, "20% of 10 then abort", {"failed_percent": 20, "least": 10, "then": "abort"}),
        (
            stop_rule,
            "2.5 % by tests_failed, timed_out of 20",
            {"failed_percent": 2.5, "least": 20, "causes": ["tests_failed", "timed_out"], "then": "pause"},
        ),
        (seconds, "90s", 90),
        (seconds, "5m", 300),
        (seconds, "1h30m", 5400),
        (seconds, "7d", 604_800),
        (window, "22:00-04:00", {"from": "22:00", "to": "04:00", "time_zone": "node"}),
        (window, "22:00-04:00@UTC", {"from": "22:00", "to": "04:00", "time_zone": "UTC"}),
        (window, "22:00-04:00@Europe/Berlin", {"from": "22:00", "to": "04:00", "time_zone": "Europe/Berlin"}),
        (
            window,
            "22:00-04:00@America/Argentina/Salta/sat,sun",
            {"from": "22:00", "to": "04:00", "time_zone": "America/Argentina/Salta", "days": ["sat", "sun"]},
        ),
        (
            window,
            "22:00-04:00@node/mon",
            {"from": "22:00", "to": "04:00", "time_zone": "node", "days": ["mon"]},
        ),
        (
            window,
            "22:00-04:00/mon,tue",
            {"from": "22:00", "to": "04:00", "time_zone": "node", "days": ["mon", "tue"]},
        ),
    ],
)
def test_what_is_written_is_what_is_meant(read: Callable[[str], Any], text: str, meant: Any) -> None:
    """Otherwise a rollout would do another thing than its command line says."""
    assert read(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("22:30", "2026-01-31T22:30:00+08:00"),
        ("19:00", "2026-02-01T19:00:00+08:00"),
        ("2026-02-01T22:30", "2026-02-01T22:30:00+08:00"),
        ("2026-02-01 22:30", "2026-02-01T22:30:00+08:00"),
        ("2026-02-01T22:30+01:00", "2026-02-01T22:30:00+01:00"),
        ("2026-02-01T22:30Z", "2026-02-01T22:30:00+00:00"),
        ("+2h", "2026-01-31T14:00:00+00:00"),
    ],
)
def test_times_are_those_of_this_computer(text: str, meant: str) -> None:
    """An operator in Taipei who writes 22:30 means the evening there."""
    assert moment(text, NOW) == meant


@pytest.mark.parametrize(
    ("read", "text", "says"),
    [
        (group_sizes, "0", "'0' is a group of nobody"),
        (group_sizes, "1,0%,rest", "'0%' in '1,0%,rest' is a group of nobody"),
        (group_sizes, "101%", "more than all nodes: a share is from 1% to 100%"),
        (group_sizes, "", "'' is no group: write numbers of nodes or shares"),
        (group_sizes, "1,,rest", "such as 1,10%,rest"),
        (group_sizes, "-1", "is no group"),
        (group_sizes, "1.5%", "is no group"),
        (group_sizes, "rest,1", "put that one last"),
        (group_sizes, "1,100%,rest", "put that one last"),
        (percentage, "0", "more than 0 and at most 100"),
        (percentage, "101 %", "at most 100"),
        (percentage, "most", "write a number such as 95"),
        (rate, "fast", "nodes a minute, such as 60"),
        (rate, "0", "would send to nobody"),
        (rate, "60 x1 after 50", "does not grow"),
        (rate, "60 x2 after 0", "does not grow"),
        (rate, "60 x2", "'60 x2 after 50 up to 600'"),
        (stop_rule, "20", "is no stop rule: write such as '20% of 10 then abort'"),
        (stop_rule, "101% of 10", "at most 100"),
        (stop_rule, "0% of 10", "more than 0"),
        (stop_rule, "20% of 0", "must be 1 or more"),
        (stop_rule, "20% of 10 then shout", "then abort"),
        (seconds, "300", "300s are seconds, 300m minutes"),
        (seconds, "5 minutes", "such as 90s, 5m"),
        (seconds, "0m", "no time at all"),
        (seconds, "367d", "'367d' is too long: write at most 366d"),
        (seconds, "", "such as 90s, 5m"),
        (window, "22:00-22:00", "is empty: it ends when it begins"),
        (window, "22-4", "such as 22:00-04:00"),
        (window, "22:00-25:00", "such as 22:00-04:00"),
        (window, "22:00-04:00@", "22:00-04:00@Europe/Berlin"),
        (window, "22:00-04:00/monday", "'monday' is no day of a window: the days are mon, tue"),
        (window, "22:00-04:00/mon,", "'' is no day of a window"),
    ],
)
def test_a_mistake_says_what_was_meant_to_be_there(read: Callable[[str], Any], text: str, says: str) -> None:
    """'Invalid value' sends an operator to the documentation in the middle of a night's rollout."""
    with pytest.raises(NotUnderstood) as refused:
        read(text)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tomorrow", "is no time: write a time such as 22:30"),
        ("2026-02-01", "has no time of day"),
        ("2026-01-31T19:00", "is over: leave it out"),
        ("25:00", "is no time"),
        ("+2", "is no duration"),
    ],
)
def test_a_start_that_is_no_time_or_is_over(text: str, says: str) -> None:
    """A rollout that was meant for next year's night must not begin at once because of a slip in the year."""
    with pytest.raises(NotUnderstood) as refused:
        moment(text, NOW)
    assert says in str(refused.value)
