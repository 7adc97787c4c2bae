"""How often a process asks a broker that does not let it in: all its connections keep to one pace.

A broker that is away costs nobody anything, and is asked often, because it may be back. One that is there and refuses
has lost its disk: every node's login and queue is being made again, which takes the longer the more of them ask.
"""

from aiormq.exceptions import AuthenticationError, ConnectionClosed, ProbableAuthenticationError

from shared.backoff import Backoff
from shared.clock import Clock
from shared.randomness import Randomness

# The first pause bridges a reconnect.
AWAY = Backoff(first=0.2, most=4.0, jitter=0.3)
REFUSING = Backoff(first=2.0, most=8.0, jitter=0.3)
# The client's words for it are connection errors, too.
REFUSALS = (AuthenticationError, ProbableAuthenticationError, ConnectionClosed)


class Door:
    """See the module's docstring."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._randomness = randomness
        self._last: Exception | None = None
        self._refusals = 0
        self._open_at = 0.0

    @property
    def seconds_closed(self) -> float:
        """How long nobody asks."""
        return max(0.0, self._open_at - self._clock.monotonic())

    def check(self) -> None:
        """Raise the last refusal, if its pause is not over."""
        if self._last is not None and self.seconds_closed > 0:
            raise self._last.with_traceback(None)

    def refused(self, error: Exception) -> None:
        """Somebody has asked in vain."""
        away = isinstance(error, OSError) and not isinstance(error, REFUSALS)
        pause = (AWAY if away else REFUSING).delay(self._refusals, self._randomness)
        self._last, self._refusals = error, self._refusals + 1
        self._open_at = self._clock.monotonic() + pause

    def opened(self) -> None:
        """Somebody was let in."""
        self._last, self._refusals, self._open_at = None, 0, 0.0
