"""The job that advances deployments: looks at those whose time has come, every half second, and at once when woken.

What happens to a delivery makes its deployment due, so this poll is how long the next group waits at most. Any number
of replicas run it. When the database is away it waits and tries again.
"""

from collections.abc import Awaitable, Callable

from shared.clock import Clock
from shared.draining import Drain
from shared.randomness import Randomness

POLL_SECONDS = 0.5


def advance(step: Callable[[], Awaitable[bool]], clock: Clock, randomness: Randomness) -> Drain:
    """The job; `step` looks at some deployments, and says whether there may be more."""
    return Drain("advance", step, POLL_SECONDS, clock, randomness)
