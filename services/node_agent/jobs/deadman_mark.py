"""Keeps in the ledger whether accounts are connected, so that the next start can say how the last one ended.

An agent that is killed, by its deadman, by somebody or by a loss of power, cannot say so itself.
"""

import structlog

from services.node_agent.domain.deadman import Deadman
from services.node_agent.domain.ports import LedgerAway, WatchLedger
from shared.alarm import Alarm

log = structlog.get_logger(__name__)


class DeadmanMark:
    """Runs until cancelled. `alarm` says that the first account connects, or the last has disconnected."""

    def __init__(self, deadman: Deadman, watch: WatchLedger, alarm: Alarm) -> None:
        self._deadman = deadman
        self._watch = watch
        self._alarm = alarm
        self._noted = False

    async def look_back(self) -> None:
        """Say how the agent before this one ended, if it did not say so itself. Raises LedgerAway."""
        if await self._watch.was_connected():
            log.warning("ended_while_connected", advice="the agent before this one was killed, or its machine lost "
                        "power; or it hung, and its deadman ended it when its lease did")  # fmt: skip
            await self._watch.note(connected=False)

    async def run(self) -> None:
        """Note every change."""
        while True:
            await self.note()
            await self._alarm.wait()

    async def note(self) -> None:
        """Note how it is now."""
        connected = self._deadman.armed_until is not None
        if connected != self._noted:
            try:
                await self._watch.note(connected=connected)
                self._noted = connected
            except LedgerAway as error:
                log.error("ledger_away", reason=str(error))
