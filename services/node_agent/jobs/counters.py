"""Writes the counters that have risen to the ledger, a second after the first of them, and once more at the end."""

import structlog

from services.node_agent.domain.ports import LedgerAway
from services.node_agent.use_cases.roster import Roster
from shared.alarm import Alarm
from shared.clock import Clock

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 1.0


async def keep_counters(roster: Roster, lived: Alarm, clock: Clock) -> None:
    """Run until cancelled. `lived` rings when there is something to write, so an agent that is quiet sleeps."""
    while True:
        await lived.wait()
        await clock.sleep(FLUSH_SECONDS)
        try:
            await roster.flush()
        except LedgerAway as error:
            log.error("counters_not_saved", reason=str(error))
