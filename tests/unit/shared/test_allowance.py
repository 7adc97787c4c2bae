"""So much a minute for each name."""

import pytest

from shared.http.allowance import Allowance


class Time:
    """A clock by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """The time."""
        return self.now


def test_a_burst_then_the_rate() -> None:
    """A limit that never ends locks out, one that has no burst refuses the first slip."""
    time = Time()
    allowance = Allowance(3, 60.0, 10, time.monotonic)
    assert [allowance.take("a") for _ in range(5)] == [True, True, True, False, False]
    assert allowance.seconds_to_one("a") == pytest.approx(1.0)
    time.now += 1
    assert (allowance.take("a"), allowance.take("a")) == (True, False)
    time.now += 1000
    assert [allowance.take("a") for _ in range(4)] == [True, True, True, False]


def test_names_do_not_pay_for_each_other() -> None:
    """One who guesses would lock out everybody."""
    allowance = Allowance(1, 1.0, 10, Time().monotonic)
    assert (allowance.take("a"), allowance.take("b"), allowance.take("a")) == (True, True, False)
    assert allowance.seconds_to_one("c") == 0


def test_the_names_that_came_last_are_counted() -> None:
    """Ten million addresses would fill the memory."""
    allowance = Allowance(1, 1.0, 2, Time().monotonic)
    for name in "abc":
        allowance.take(name)
    assert [allowance.left(name) for name in "abc"] == [1.0, 0.0, 0.0]


def test_several_at_once_are_all_or_none() -> None:
    """Who asks for a hundred at once would pay for one, or be refused for ever."""
    time = Time()
    allowance = Allowance(100, 600.0, 10, time.monotonic)
    assert (allowance.take("a", 90), allowance.take("a", 20), allowance.take("a", 10)) == (True, False, True)
    assert allowance.seconds_to("a", 20) == pytest.approx(2.0)
    time.now += 2
    assert allowance.take("a", 20)
