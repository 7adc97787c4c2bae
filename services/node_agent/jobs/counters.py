"""Writes the counters that have risen to the ledger, once a second, and once more at the end."""

import structlog

from services.node_agent.domain.ports import LedgerAway
from services.node_agent.use_cases.roster import Roster
from shared.clock import Clock

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 1.0


async def keep_counters(roster: Roster, clock: Clock) -> None:
    """Run until cancelled."""
    while True:
        await clock.sleep(FLUSH_SECONDS)
        try:
            await roster.flush()
        except LedgerAway as error:
            log.error("counters_not_saved", reason=str(error))
