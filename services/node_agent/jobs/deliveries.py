"""Applies deliveries: what the ledger has received, oldest first, one after the other.

The ledger is the queue, so what was received before a crash is applied after it. A `Drain` calls this again and again
while there is something, and waits while the ledger is away.
"""

from services.node_agent.domain.ports import DeliveryLedger
from services.node_agent.use_cases.apply_delivery import ApplyDelivery


class DeliveryQueue:
    """What was received and is not applied yet."""

    def __init__(self, ledger: DeliveryLedger, apply: ApplyDelivery) -> None:
        self._ledger = ledger
        self._apply = apply

    async def apply_one(self) -> bool:
        """Apply the oldest; whether there was one. Raises LedgerAway."""
        delivery = await self._ledger.next_received()
        if delivery is not None:
            await self._apply(delivery)
        return delivery is not None
