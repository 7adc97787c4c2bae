"""An order to load an artifact, or to remove one, has come: into the ledger with it, or answer it from there.

Called by the handler before the message is settled; when it returns, a crash loses nothing. Applying is the delivery
job's. `desk` is held by whoever reads a delivery and writes what follows from it, here and in `ApplyDelivery`, so
that an answer never overtakes the result. Raises Rejected for an order that can never be applied, Unavailable when
the ledger cannot be written.
"""

import asyncio

import structlog

from services.node_agent.domain.deliveries import Answer, Apply, Delivery, Failed, Order, Overtaken, judged, mistaken
from services.node_agent.domain.ports import DeliveryLedger, LedgerAway, Ring
from services.node_agent.use_cases.delivery_reports import DeliveryReports
from services.node_agent.use_cases.stage import Stage
from shared.contracts.deliveries import FailureCause
from shared.messaging import Rejected, Unavailable

log = structlog.get_logger(__name__)


class TakeDelivery:
    """See the module's docstring. `taken` is rung when there is something to apply or to report."""

    def __init__(
        self, node_id: str, ledger: DeliveryLedger, stage: Stage, reports: DeliveryReports, desk: asyncio.Lock
    ) -> None:
        self._node_id = node_id
        self._ledger = ledger
        self._stage = stage
        self._reports = reports
        self._desk = desk
        self.taken: Ring = lambda: None

    async def __call__(self, order: Order) -> None:
        """Take the order."""
        if order.node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the order is for {order.node_id!r}")
        if why := mistaken(order):
            raise Rejected(f"delivery {order.delivery_id}: {why}")
        try:
            async with self._desk:
                await self._take(order)
        except LedgerAway as error:
            raise Unavailable(str(error)) from error
        self.taken()

    async def _take(self, order: Order) -> None:
        artifact = order.artifact
        loaded = self._stage.artifact(artifact.id)
        known = await self._ledger.delivery(order.delivery_id)
        # A later attempt of one that failed would be applied, too.
        open_still = known is None or isinstance(known.result, Failed)
        if open_still and await self._ledger.is_forgotten(order.delivery_id):
            log.info("delivery_forgotten", delivery=order.delivery_id, script=artifact.id, attempt=order.attempt)
            return
        newest = await self._ledger.newest_order(artifact.id)
        verdict = judged(order, known, self._stage.wanted.get(artifact.id), loaded, newest)
        log.info("delivery_taken", delivery=order.delivery_id, script=artifact.id, version=artifact.version,
                 attempt=order.attempt, verdict=type(verdict).__name__.lower())  # fmt: skip
        match verdict:
            case Apply():
                await self._ledger.receive(order, self._reports.of(Delivery(order)))
            case Answer(delivery):
                await self._ledger.report(self._reports.of(delivery, order.attempt))
            case Overtaken(reason):
                failed = Delivery(order, Failed(FailureCause.OUT_OF_DATE, reason))
                await self._ledger.finish(failed, self._reports.of(failed))
