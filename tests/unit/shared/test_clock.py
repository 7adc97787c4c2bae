"""The virtual clock is what whole-fleet tests stand on: it must wake sleepers in order and pass time exactly."""

import asyncio

import pytest

from shared.clock import SystemClock, VirtualClock


async def test_sleepers_wake_in_order_of_their_time() -> None:
    """A clock that woke them in order of arrival would reorder every timer of a simulated fleet."""
    clock, woken = VirtualClock(), list[tuple[str, float]]()

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper(name, seconds)) for name, seconds in (("late", 5), ("early", 2))]
    await clock.run_for(10)
    await asyncio.gather(*tasks)
    assert woken == [("early", 2.0), ("late", 5.0)]
    assert clock.monotonic() == 10


async def test_a_sleeper_that_sleeps_again_is_woken_in_the_same_run() -> None:
    """A periodic job would otherwise run once per `run_for` instead of once per period."""
    clock, beats = VirtualClock(), list[float]()

    async def beat() -> None:
        while True:
            await clock.sleep(3)
            beats.append(clock.monotonic())

    task = asyncio.create_task(beat())
    await clock.run_for(10)
    task.cancel()
    assert beats == [3, 6, 9]


async def test_time_stands_still_until_everything_has_happened() -> None:
    """A message that passes through many tasks would arrive later than it was sent, or never."""
    clock, passed = VirtualClock(), list[float]()

    async def pass_on(times: int) -> None:
        if times:
            await asyncio.create_task(pass_on(times - 1))
        passed.append(clock.monotonic())

    async def send() -> None:
        await clock.sleep(3)
        await pass_on(200)

    task = asyncio.create_task(send())
    await clock.run_for(3)
    assert task.done() and passed == [3.0] * 201


async def test_a_task_that_never_rests_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that spins would be a test that hangs."""
    monkeypatch.setattr("shared.clock.MOST_ROUNDS", 100)

    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    task = asyncio.create_task(spin())
    with pytest.raises(AssertionError, match="spins at second 0"):
        await VirtualClock().run_for(1)
    task.cancel()


def test_the_system_clock_is_aware_and_does_not_go_back() -> None:
    """Naive times would be stored as local ones."""
    clock = SystemClock()
    first = clock.monotonic()
    assert clock.now().utcoffset() is not None
    assert clock.monotonic() >= first
