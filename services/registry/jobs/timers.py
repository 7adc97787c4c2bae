"""The registry's timers: which use case runs how often. One replica runs each, whichever is elected."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from services.registry.use_cases.announce_nodes import AnnounceNodes
from services.registry.use_cases.prune_changes import PruneChanges
from services.registry.use_cases.sweep_leases import SweepLeases

PRUNE_SECONDS = 3600.0

Job = Callable[[], Coroutine[Any, Any, None]]
# Makes the job called by a name that runs a step every so many seconds, on one replica.
Timer = Callable[[str, Callable[[], Awaitable[None]], float], Job]


def sweep(use_case: SweepLeases, seconds: float, timer: Timer) -> Job:
    """Offline verdicts."""
    return timer("registry.sweep", use_case, seconds)


def announce(use_case: AnnounceNodes, seconds: float, timer: Timer) -> Job:
    """Every node's state, again."""
    return timer("registry.announce", use_case, seconds)


def prune(use_case: PruneChanges, timer: Timer) -> Job:
    """Old history."""
    return timer("registry.prune", use_case, PRUNE_SECONDS)
