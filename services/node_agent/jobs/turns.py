"""Who may try to connect to Telegram now: so many at once, and in an outage one after the other.

While a data centre cannot be reached, its accounts take turns: the node as a whole tries again every few seconds,
whoever's turn it is, and the first account that comes through calls all the others, who come spread over a moment. So a
server that returns is noticed in seconds, and neither a dead nor a returning one is stormed by a thousand accounts. An
account whose data centre is not known yet waits with the others of that kind.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.alarm import Alarm
from shared.backoff import Backoff
from shared.clock import Clock
from shared.randomness import Randomness

# With the time that connecting takes, a return is noticed within 5 s.
TRIES = Backoff(first=0.5, factor=1.5, most=2.5, jitter=0.2)
# Those who are called come within this; the places bound them further.
SPREAD_SECONDS = 0.5


@dataclass
class _DataCentre:
    """`failures` since somebody last came through; `waiting` in their order; no try before `free_at`."""

    failures: int = 0
    free_at: float = 0.0
    waiting: list[Alarm] = field(default_factory=list)


class Turns:
    """See the module's docstring. `places` bounds how many try at once, in all data centres together."""

    def __init__(self, places: int, clock: Clock, randomness: Randomness) -> None:
        self._places = asyncio.Semaphore(places)
        self._clock = clock
        self._randomness = randomness
        self._centres: defaultdict[int, _DataCentre] = defaultdict(_DataCentre)

    @asynccontextmanager
    async def taken(self, data_centre: int) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while trying. Say afterwards what came of it."""
        centre, waited = self._centres[data_centre], False
        while True:
            if centre.failures and not waited:
                await self._wait(centre)
                waited = True
            async with self._places:
                # While this one waited for its place, the server may have gone away.
                if waited or not centre.failures:
                    yield
                    return

    def came_through(self, data_centre: int) -> None:
        """A try has succeeded: whoever waits for this data centre may come."""
        centre = self._centres[data_centre]
        centre.failures, centre.free_at = 0, 0.0
        for alarm in centre.waiting:
            alarm.ring()

    def failed(self, data_centre: int) -> None:
        """The data centre could not be reached."""
        centre = self._centres[data_centre]
        centre.failures += 1
        if centre.failures == 1:
            self._hold(centre)

    def _hold(self, centre: _DataCentre) -> None:
        centre.free_at = self._clock.monotonic() + TRIES.delay(centre.failures - 1, self._randomness)

    async def _wait(self, centre: _DataCentre) -> None:
        alarm = Alarm(self._clock)
        centre.waiting.append(alarm)
        try:
            while centre.failures:
                now = self._clock.monotonic()
                if centre.waiting[0] is not alarm:
                    await alarm.wait()
                elif centre.free_at > now:
                    await alarm.wait(centre.free_at - now)
                else:
                    self._hold(centre)
                    return
        finally:
            centre.waiting.remove(alarm)
            if centre.waiting:
                centre.waiting[0].ring()
        await self._clock.sleep(self._randomness.uniform(0, SPREAD_SECONDS))
