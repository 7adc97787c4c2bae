"""The registry's timers: which use case runs how often. One replica runs each, whichever holds its lock."""

from services.registry.use_cases.announce_nodes import AnnounceNodes
from services.registry.use_cases.prune_changes import PruneChanges
from services.registry.use_cases.sweep_leases import SweepLeases
from shared.clock import Clock
from shared.db import Database
from shared.db.runner import ElectedJob

PRUNE_SECONDS = 3600.0


def sweep(use_case: SweepLeases, seconds: float, database: Database, clock: Clock) -> ElectedJob:
    """Offline verdicts."""
    return ElectedJob("registry.sweep", use_case, seconds, database, clock)


def announce(use_case: AnnounceNodes, seconds: float, database: Database, clock: Clock) -> ElectedJob:
    """Every node's state, again."""
    return ElectedJob("registry.announce", use_case, seconds, database, clock)


def prune(use_case: PruneChanges, database: Database, clock: Clock) -> ElectedJob:
    """Old history."""
    return ElectedJob("registry.prune", use_case, PRUNE_SECONDS, database, clock)
