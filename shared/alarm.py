"""An alarm: wakes a job that waits, before its time. Ringing is remembered until the job waits again."""

import asyncio

from shared.clock import Clock


class Alarm:
    """Rung by anyone, waited on by one job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()
        self._timer: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Wake the job, or keep it from sleeping next time."""
        self._rung.set()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait until it rings, for at most `seconds`; None waits for the ring alone."""
        if not self._rung.is_set():
            await (self._rung.wait() if seconds is None else self._ring_or(seconds))
        self._rung.clear()

    async def _ring_or(self, seconds: float) -> None:
        # Agents wait here many times a second, so it is one task and not two that race.
        self._timer = timer = asyncio.create_task(self._clock.sleep(seconds))
        timer.add_done_callback(self._time_is_up)
        try:
            await self._rung.wait()
        finally:
            self._timer = None
            timer.cancel()

    def _time_is_up(self, timer: "asyncio.Task[None]") -> None:
        # One that ended in the moment of a ring is told of after the wait that it belonged to.
        if timer is self._timer:
            self._rung.set()
