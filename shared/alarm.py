"""An alarm: wakes a job that waits, before its time. Ringing is remembered until the job waits again."""

import asyncio

from shared.clock import Clock


class Alarm:
    """Rung by anyone, waited on by one job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the job, or keep it from sleeping next time."""
        self._rung.set()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait until it rings, for at most `seconds`; None waits for the ring alone."""
        if seconds is None:
            await self._rung.wait()
        elif not self._rung.is_set():
            await self._first_of(seconds)
        self._rung.clear()

    async def _first_of(self, seconds: float) -> None:
        ring = asyncio.create_task(self._rung.wait())
        time = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait({ring, time}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ring.cancel()
            time.cancel()
