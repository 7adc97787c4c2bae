"""The registry's timers: which use case runs how often. One replica runs each, whichever is elected."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from services.registry.domain.verdicts import Allowed
from services.registry.use_cases.announce_assignments import AnnounceAssignments
from services.registry.use_cases.announce_nodes import AnnounceNodes
from services.registry.use_cases.claim_unplaced import ClaimUnplaced
from services.registry.use_cases.count_accounts import CountAccounts
from services.registry.use_cases.empty_draining import EmptyDraining
from services.registry.use_cases.prune_history import PruneHistory
from services.registry.use_cases.settle_silent import SettleSilent
from services.registry.use_cases.sweep_leases import SweepLeases

PRUNE_SECONDS = 3600.0
# A third of a second for a hundred thousand accounts that are quiet, one to two seconds when the week is full.
COUNT_SECONDS = 60.0
# It reads every account's row, a twentieth of a second for a hundred thousand.
CLAIM_SECONDS = 15.0
# There are many more accounts than nodes, and readers that need to be right read the list.
ANNOUNCE_ASSIGNMENTS_SECONDS = 600.0

Job = Callable[[], Coroutine[Any, Any, None]]
# Makes the job called by a name that runs a step every so many seconds, on one replica.
Timer = Callable[[str, Callable[[], Awaitable[None]], float], Job]


def sweep(use_case: SweepLeases, settle: SettleSilent, seconds: float, timer: Timer) -> Job:
    """Offline verdicts, and while they are allowed what becomes of the accounts of silent nodes."""

    async def step() -> None:
        if isinstance(await use_case(), Allowed):
            await settle()

    return timer("registry.sweep", step, seconds)


def empty(use_case: EmptyDraining, seconds: float, timer: Timer) -> Job:
    """Accounts away from draining nodes."""
    return timer("registry.empty", use_case, seconds)


def claim(use_case: ClaimUnplaced, timer: Timer) -> Job:
    """Reports that no assignment answers to."""
    return timer("registry.claim", use_case, CLAIM_SECONDS)


def announce(use_case: AnnounceNodes, seconds: float, timer: Timer) -> Job:
    """Every node's state, again."""
    return timer("registry.announce", use_case, seconds)


def announce_assignments(use_case: AnnounceAssignments, timer: Timer) -> Job:
    """Every assignment, again."""
    return timer("registry.announce-assignments", use_case, ANNOUNCE_ASSIGNMENTS_SECONDS)


def count(use_case: CountAccounts, timer: Timer) -> Job:
    """What accounts hear and send, by hours."""
    return timer("registry.count", use_case, COUNT_SECONDS)


def prune(use_case: PruneHistory, timer: Timer) -> Job:
    """Old history."""
    return timer("registry.prune", use_case, PRUNE_SECONDS)
