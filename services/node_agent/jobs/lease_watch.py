"""The watch over the lease: when it ends, or is refused, every account is disconnected, a margin before the end."""

import structlog

from services.node_agent.domain.lease import Lease
from services.node_agent.domain.reasons import LEASE_ENDED, node_taken_reason
from services.node_agent.jobs.crew import Crew
from shared.alarm import Alarm
from shared.clock import Clock

log = structlog.get_logger(__name__)


class LeaseWatch:
    """Runs until cancelled. `alarm` says that the registry has answered."""

    def __init__(self, lease: Lease, crew: Crew, clock: Clock, alarm: Alarm) -> None:
        self._lease = lease
        self._crew = crew
        self._clock = clock
        self._alarm = alarm

    async def run(self) -> None:
        """Stop the accounts when they may not run, and let them start when they may."""
        running = False
        while True:
            if self._lease.may_run(self._clock.monotonic()):
                if not running:
                    running = True
                    log.info("lease_granted")
                    self._crew.ring()
                assert self._lease.until is not None
                await self._alarm.wait(max(0.0, self._lease.until - self._clock.monotonic()))
                continue
            if running:
                running = False
                await self._crew.stop_all(self._why())
            await self._alarm.wait()

    def _why(self) -> str:
        refusal = self._lease.refusal
        reason = node_taken_reason(refusal.newest_boot) if refusal is not None else LEASE_ENDED
        log.warning("lease_lost", reason=reason)
        return reason
