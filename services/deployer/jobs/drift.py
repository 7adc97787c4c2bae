"""The drift job: looks at what may have drifted, every two seconds. Any number of replicas run it.

What it looks at is noted when nodes are observed; without drift a look is one statement that finds nothing.
"""

from collections.abc import Awaitable, Callable

from shared.clock import Clock
from shared.draining import Drain
from shared.randomness import Randomness

POLL_SECONDS = 2.0


def drift_job(step: Callable[[], Awaitable[bool]], clock: Clock, randomness: Randomness) -> Drain:
    """The job; `step` looks at some of what is due, and says whether there may be more."""
    return Drain("drift", step, POLL_SECONDS, clock, randomness)
