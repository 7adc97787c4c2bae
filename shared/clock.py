"""The Clock port: the only way in which anything here learns the time or waits.

`SystemClock` is the machine's; `VirtualClock` is a test's, in which hours pass in milliseconds and every
sleeper wakes in order; before it moves on, everything that can happen at that moment has happened. Monotonic
time is CLOCK_BOOTTIME, which goes on while a machine is suspended: a laptop that wakes up must know that its
lease ran out.
"""

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast

# A message passes through a few dozen tasks; something that is still busy after this many rounds never stops.
MOST_ROUNDS = 100_000


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back, counts suspended time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less gives way to other tasks once."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of CLOCK_BOOTTIME."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop's timer."""
        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock that stands still until a test lets it run."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The start plus what has run since."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds that have run since the start."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until `run_for` has brought the clock there."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), sleeper))
        await sleeper

    async def run_for(self, seconds: float) -> None:
        """Let this many seconds pass: wake every sleeper that is due, in order, each time settling all tasks."""
        end = self._elapsed + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, sleeper = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, due)
            if not sleeper.done():
                sleeper.set_result(None)
                await self._settle()
        self._elapsed = end
        await self._settle()

    async def _settle(self) -> None:
        # The loop has no public word for "nothing is ready"; a fixed number of rounds would cost ten times as much.
        loop = cast(Any, asyncio.get_running_loop())
        for _ in range(MOST_ROUNDS):
            await asyncio.sleep(0)
            if not loop._ready:
                return
        raise AssertionError(f"something spins at second {self._elapsed:.3f}")
