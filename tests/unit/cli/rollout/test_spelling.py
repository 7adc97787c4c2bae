"""A policy is shown in the words in which it would be typed."""

from collections.abc import Callable
from typing import Any

import pytest

from services.cli.rollout import wording
from services.cli.rollout.spelling import spelled

READ: dict[str, Callable[[str], Any]] = {
    "groups": wording.group_sizes,
    "success": wording.percentage,
    "rate": wording.rate,
    "deadline": wording.seconds,
    "window": wording.window,
}
FIELDS = {"success": "success_percent", "deadline": "deadline_seconds"}


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("groups", "1,10%,rest"),
        ("success", "99.5%"),
        ("rate", "60"),
        ("rate", "0.5 x1.5 after 50 up to 600"),
        ("deadline", "1d2h30m"),
        ("window", "22:00-04:00@Europe/Berlin/mon,tue"),
    ],
)
def test_what_was_typed_is_shown(option: str, text: str) -> None:
    """Who wants the same rollout again copies what `show` shows."""
    assert spelled({FIELDS.get(option, option): READ[option](text)}) == {option: text}


def test_a_whole_policy() -> None:
    """What is left out here is a rule that nobody knows of."""
    policy = {
        "stop": [wording.stop_rule("20% by tests_failed of 10 then abort"), wording.stop_rule("5%")],
        "timers": {"receive_seconds": 300, "apply_seconds": None, "verify_seconds": 5400},
        "retries": {"download_failed": 3},
        "start_at": "2026-02-01T22:30:00Z",
        "dynamic": True,
        "drift": "report",
        "approval": True,
    }
    assert spelled(policy) == {
        "stop": "20% by tests_failed of 10 then abort; 5% then pause",
        "receive": "5m",
        "verify": "1h30m",
        "retries": "download_failed 3",
        "start-at": "2026-02-01T22:30:00Z",
        "dynamic": "yes",
        "drift": "report",
    }
    assert spelled({}) == {}
