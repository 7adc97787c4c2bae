"""An order was called off: drop it if it is not applied yet, and let no late copy of it in.

Called by the handler. `desk` is the one of `TakeDelivery` and `ApplyDelivery`. An order that is being applied at this
very moment is applied; there is no answer either way, because the deployer has closed the delivery. Raises Rejected for
another node's order, Unavailable when the ledger cannot be written.
"""

import asyncio

import structlog

from services.node_agent.domain.ports import DeliveryLedger, LedgerAway
from shared.contracts.deliveries import ForgetDelivery
from shared.messaging import Rejected, Unavailable

log = structlog.get_logger(__name__)


class DropDelivery:
    """See the module's docstring."""

    def __init__(self, node_id: str, ledger: DeliveryLedger, desk: asyncio.Lock) -> None:
        self._node_id = node_id
        self._ledger = ledger
        self._desk = desk

    async def __call__(self, order: ForgetDelivery) -> None:
        """Drop it."""
        if order.node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the order is for {order.node_id!r}")
        try:
            async with self._desk:
                await self._ledger.forget(order.delivery_id)
        except LedgerAway as error:
            raise Unavailable(str(error)) from error
        log.info("delivery_called_off", delivery=order.delivery_id, reason=order.reason)
