"""The delivery job: applies what the ledger has received, oldest first, one after the other.

The ledger is the queue, so what was received before a crash is applied after it. A ledger that cannot be written is
waited for.
"""

import structlog

from services.node_agent.domain.ports import DeliveryLedger, LedgerAway
from services.node_agent.use_cases.apply_delivery import ApplyDelivery
from shared.alarm import Alarm
from shared.backoff import Backoff
from shared.clock import Clock
from shared.randomness import Randomness

log = structlog.get_logger(__name__)


class DeliveryJob:
    """Runs until cancelled. `alarm` says that something was received."""

    def __init__(self, ledger: DeliveryLedger, apply: ApplyDelivery, alarm: Alarm) -> None:
        self._ledger = ledger
        self._apply = apply
        self._alarm = alarm

    async def run(self, clock: Clock, randomness: Randomness) -> None:
        """Apply whatever is received."""
        backoff, failures = Backoff(first=0.5, most=10.0), 0
        while True:
            try:
                while (delivery := await self._ledger.next_received()) is not None:
                    await self._apply(delivery)
                    failures = 0
            except LedgerAway as error:
                log.error("deliveries_wait", reason=str(error))
                await clock.sleep(backoff.delay(failures, randomness))
                failures += 1
                continue
            await self._alarm.wait()
