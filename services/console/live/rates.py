"""Messages and replies per minute: the fleet's totals, looked at every few seconds, and the differences between.

Half an hour is kept, in memory: it is a picture of now, and a console that has just started draws it anew. A total that
falls (a node was removed) counts as nothing said. While the registry is away there is a gap, not a zero. There is one,
too, when many accounts came: a node that joins brings all that its accounts ever heard.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from services.console.clients.accounts import Summary
from services.console.clients.api import Away, Refused
from services.console.live.hub import ALL, Hub, News
from shared.clock import Clock

RATES = "rates"
LOOK_EVERY = 10.0
# Nodes report their counters every few seconds, each at its own time: over less than a minute the lines only jump.
OVER_SECONDS = 60.0
KEPT_SECONDS = 1800.0
# A larger share of accounts than this that is new tells more of the past than of now.
NEW_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Rate:
    """Per minute, at a moment."""

    at: datetime
    messages: float
    replies: float


class Rates:
    """See the module's docstring. `look` reads the fleet's summary."""

    def __init__(self, look: Callable[[], Awaitable[Summary]], hub: Hub, clock: Clock) -> None:
        self._look, self._hub, self._clock = look, hub, clock
        self._looks: deque[tuple[float, Summary]] = deque(maxlen=int(OVER_SECONDS / LOOK_EVERY) + 1)
        self._rates: deque[Rate] = deque(maxlen=int(KEPT_SECONDS / LOOK_EVERY))

    @property
    def rates(self) -> list[Rate]:
        """What is known, the oldest first."""
        return list(self._rates)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.sample()
            await self._clock.sleep(LOOK_EVERY)

    async def sample(self) -> None:
        """Look once."""
        try:
            summary = await self._look()
        except (Away, Refused):
            self._looks.clear()
            return
        at = self._clock.monotonic()
        if self._looks and _many_came(self._looks[-1][1], summary):
            self._looks.clear()
        if self._looks:
            before, old = self._looks[0]
            minutes = (at - before) / 60
            messages = max(0, summary.message_count - old.message_count) / minutes
            replies = max(0, summary.reply_count - old.reply_count) / minutes
            self._rates.append(Rate(self._clock.now(), messages, replies))
            self._hub.tell(News(RATES, (ALL,)))
        self._looks.append((at, summary))


def _many_came(old: Summary, new: Summary) -> bool:
    before, now = sum(old.accounts.values()), sum(new.accounts.values())
    return now - before > NEW_SHARE * before
