"""Access of nodes: one replica keeps the broker's logins, every one knows who is cut off and makes missed queues."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from services.registry.jobs.timers import Job, Timer
from services.registry.use_cases.cut_off import CutOff
from services.registry.use_cases.keep_access import STEP_SECONDS, KeepAccess
from shared.clock import Clock
from shared.messaging import Unavailable

log = structlog.get_logger(__name__)

# For how long another replica may still grant leases to a node that was revoked, besides its login's end.
REFRESH_SECONDS = 1.0


def keep_logins(keep: KeepAccess, timer: Timer) -> Job:
    """The job of one replica."""
    return timer("registry.access", _told_once("logins_wait", keep.step), STEP_SECONDS)


def watch_access(keep: KeepAccess, cut_off: CutOff, clock: Clock) -> Callable[[], Coroutine[Any, Any, None]]:
    """The job of every replica."""
    refresh, repair = _told_once("revoked_nodes_not_read", cut_off.refresh), _told_once("queues_wait", keep.repair)

    async def run() -> None:
        while True:
            await refresh()
            await repair()
            await clock.sleep(REFRESH_SECONDS)

    return run


def _told_once(event: str, step: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """The step; that something is away is told once for an outage."""
    away = False

    async def stepped() -> None:
        nonlocal away
        try:
            await step()
            away = False
        except Unavailable as error:
            if not away:
                log.warning(event, reason=str(error))
            away = True

    return stepped
