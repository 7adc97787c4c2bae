"""The job that empties something, in virtual time."""

import asyncio

import pytest
from structlog.testing import capture_logs

from shared.clock import VirtualClock
from shared.draining import Drain
from shared.messaging import Unavailable
from shared.randomness import SeededRandomness


class Well:
    """Something to empty: how much is in it, whether it is away, and when it was looked at."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.amount = 0
        self.away = False
        self.looks: list[float] = []

    async def step(self) -> bool:
        """Take one."""
        self.looks.append(self._clock.monotonic())
        if self.away:
            raise Unavailable("it is away")
        self.amount = max(0, self.amount - 1)
        return self.amount > 0


@pytest.fixture
def clock() -> VirtualClock:
    """Virtual time."""
    return VirtualClock()


@pytest.fixture
def well(clock: VirtualClock) -> Well:
    """An empty one."""
    return Well(clock)


async def run(drain: Drain, clock: VirtualClock, seconds: float) -> None:
    """Let the job run for a while."""
    task = asyncio.create_task(drain.run())
    await clock.run_for(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_goes_on_while_there_is_more_and_then_polls(well: Well, clock: VirtualClock) -> None:
    """A full outbox would be emptied one batch a poll."""
    well.amount = 3
    await run(Drain("well", well.step, 10.0, clock, SeededRandomness(1)), clock, 25)
    start = well.looks[0]
    assert [look - start for look in well.looks] == [0, 0, 0, 10, 20]


async def test_a_wake_does_not_wait_for_the_poll(well: Well, clock: VirtualClock) -> None:
    """An order would lie in the outbox until the next poll."""
    drain = Drain("well", well.step, 1000.0, clock, SeededRandomness(1))
    drain.wake()
    await run(drain, clock, 5)
    assert len(well.looks) == 2


async def test_without_a_poll_it_waits_to_be_woken(well: Well, clock: VirtualClock) -> None:
    """A job that everybody wakes would look for nothing again and again."""
    drain = Drain("well", well.step, None, clock, SeededRandomness(1))
    task = asyncio.create_task(drain.run())
    await clock.run_for(1000)
    assert len(well.looks) == 1
    drain.wake()
    await clock.run_for(1)
    assert len(well.looks) == 2
    task.cancel()


async def test_an_outage_is_told_once(well: Well, clock: VirtualClock) -> None:
    """A night without the broker would fill the log, and one that is not told leaves the operator guessing."""
    drain = Drain("well", well.step, 1.0, clock, SeededRandomness(1))
    with capture_logs() as logs:
        for away in (True, False, True):
            well.away = away
            await run(drain, clock, 60)
    assert [(entry["job"], entry["reason"]) for entry in logs] == [("well", "it is away")] * 2


async def test_what_is_away_is_asked_less_and_less_often_until_it_is_back(well: Well, clock: VirtualClock) -> None:
    """A database that restarts would be asked without a pause, or for ever at the pace of a long outage."""
    drain = Drain("well", well.step, 1.0, clock, SeededRandomness(1))
    well.away = True
    await run(drain, clock, 60)
    pauses = [later - earlier for earlier, later in zip(well.looks, well.looks[1:], strict=False)]
    assert pauses[0] < 0.5 and 4 <= pauses[-1] <= 6 and len(pauses) < 25
    well.away, well.looks = False, []
    await run(drain, clock, 10)
    assert len(well.looks) >= 9
