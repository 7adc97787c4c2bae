"""A job that empties something: step by step for as long as there may be more, then again when woken or at its poll.

A step says whether there may be more. What it needs may be away, which it says by raising one of `away`: then it is
tried again with a growing wait, until it comes back; the log says so once for each outage. An outbox is emptied this
way, and what is due.
"""

from collections.abc import Awaitable, Callable

import structlog

from shared.alarm import Alarm
from shared.backoff import Backoff
from shared.clock import Clock
from shared.messaging.bus import PublishFailed
from shared.messaging.handling import Unavailable
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

# The first wait bridges a reconnect; the longest is how late work may be after an outage.
BACKOFF = Backoff(first=0.2, most=5.0)


class Drain:
    """Calls `step` until it gives False; `poll` is how many seconds may pass without a look, None waits for a wake."""

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        poll: float | None,
        clock: Clock,
        randomness: Randomness,
        *,
        away: tuple[type[Exception], ...] = (Unavailable, PublishFailed),
    ) -> None:
        self._name = name
        self._step = step
        self._poll = poll
        self._clock = clock
        self._randomness = randomness
        self._away = away
        self._alarm = Alarm(clock)

    def wake(self) -> None:
        """There is something now: do not wait for the poll."""
        self._alarm.ring()

    async def run(self) -> None:
        """Run until cancelled."""
        failures = 0
        while True:
            try:
                while await self._step():
                    failures = 0
            except self._away as error:
                if failures == 0:
                    log.warning("job_waits", job=self._name, reason=str(error))
                await self._clock.sleep(BACKOFF.delay(failures, self._randomness))
                failures += 1
                continue
            failures = 0
            await self._alarm.wait(self._poll)
