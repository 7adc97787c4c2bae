"""The reconcile job: sends what is due, every half second, and at once when somebody wakes it.

Deadlines are due times like any other, so this is the only timer of the deployer. Any number of replicas run it.
When the database is away it waits and tries again.
"""

from collections.abc import Awaitable, Callable

import structlog

from shared.alarm import Alarm
from shared.backoff import Backoff
from shared.clock import Clock
from shared.messaging import Unavailable
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5


class Reconcile:
    """Calls `step` for as long as it says that there may be more, then waits for the poll or for `wake`."""

    def __init__(self, step: Callable[[], Awaitable[bool]], clock: Clock, randomness: Randomness) -> None:
        self._step = step
        self._clock = clock
        self._randomness = randomness
        self._alarm = Alarm(clock)

    def wake(self) -> None:
        """Something is due now."""
        self._alarm.ring()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        backoff, failures = Backoff(first=0.5, most=5.0), 0
        while True:
            try:
                while await self._step():
                    failures = 0
                failures = 0
            except Unavailable as error:
                log.warning("reconcile_waits", reason=str(error))
                await self._clock.sleep(backoff.delay(failures, self._randomness))
                failures += 1
                continue
            await self._alarm.wait(POLL_SECONDS)
