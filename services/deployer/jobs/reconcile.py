"""The reconcile job: sends what is due, every half second, and at once when somebody wakes it.

Deadlines and the ends of steps are due times like any other: this is the only timer of deliveries. Any number of
replicas run it. When the database is away it waits and tries again.
"""

from collections.abc import Awaitable, Callable

from shared.clock import Clock
from shared.draining import Drain
from shared.randomness import Randomness

POLL_SECONDS = 0.5


def reconcile(step: Callable[[], Awaitable[bool]], clock: Clock, randomness: Randomness) -> Drain:
    """The job; `step` sends some of what is due, and says whether there may be more."""
    return Drain("reconcile", step, POLL_SECONDS, clock, randomness)
