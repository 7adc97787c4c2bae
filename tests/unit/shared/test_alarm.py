"""An alarm: what wakes the job that waits, and what does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.alarm import Alarm
from shared.clock import VirtualClock


class HeldClock(VirtualClock):
    """Whoever sleeps wakes when the test says so, within one round of the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.sleepers: list[asyncio.Future[None]] = []

    async def sleep(self, seconds: float) -> None:
        """Wait for the test."""
        self.sleepers.append(asyncio.get_running_loop().create_future())
        await self.sleepers[-1]


async def rounds(count: int = 10) -> None:
    """Let everything happen that can."""
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def waiting(alarm: Alarm, seconds: float | None) -> AsyncIterator["asyncio.Task[None]"]:
    """A job that has begun to wait."""
    job = asyncio.create_task(alarm.wait(seconds))
    await rounds()
    yield job
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def test_it_wakes_at_its_time_or_when_it_rings() -> None:
    """A job would sleep through what it is woken for, or never look by itself."""
    clock = VirtualClock()
    alarm = Alarm(clock)
    async with waiting(alarm, 5.0) as job:
        await clock.run_for(4.9)
        assert not job.done()
        await clock.run_for(0.1)
        assert job.done()
    for seconds in (5.0, None):
        async with waiting(alarm, seconds) as job:
            assert not job.done()
            alarm.ring()
            await rounds()
            assert job.done()


async def test_a_ring_before_the_wait_counts_once() -> None:
    """What comes while a job works would wait for its next poll; or the job would go round and round."""
    alarm = Alarm(VirtualClock())
    alarm.ring()
    alarm.ring()
    await alarm.wait(5.0)
    async with waiting(alarm, None) as job:
        assert not job.done()


async def test_a_ring_in_the_moment_in_which_the_time_is_up_wakes_once() -> None:
    """The job would go round once more, although nobody asked it to."""
    clock = HeldClock()
    alarm = Alarm(clock)
    async with waiting(alarm, 5.0) as job:
        clock.sleepers[0].set_result(None)
        alarm.ring()
        await rounds()
        assert job.done()
    async with waiting(alarm, None) as job:
        assert not job.done()


async def test_a_wait_that_was_cancelled_leaves_nothing_behind() -> None:
    """Its time would be up in the middle of the next one."""
    clock = VirtualClock()
    alarm = Alarm(clock)
    async with waiting(alarm, 5.0):
        pass
    async with waiting(alarm, 60.0) as job:
        await clock.run_for(10.0)
        assert not job.done()
