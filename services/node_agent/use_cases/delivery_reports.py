"""The report about a delivery, as the node's state is when it is made."""

from services.node_agent.domain.account_states import shortened
from services.node_agent.domain.deliveries import Applied, Delivery, Failed, outcome_of
from services.node_agent.use_cases.stage import Stage
from shared.clock import Clock
from shared.contracts.deliveries import DeliveryReported


class DeliveryReports:
    """Makes reports; `loaded_hash` is what the stage has loaded of the delivery's script at that moment."""

    def __init__(self, stage: Stage, clock: Clock) -> None:
        self._stage = stage
        self._clock = clock

    def of(self, delivery: Delivery, attempt: int | None = None) -> DeliveryReported:
        """The report; `attempt` is the try that is answered, if it is not the ledger's."""
        loaded = self._stage.artifact(delivery.order.artifact.id)
        result = delivery.result
        applied = loaded if isinstance(result, Applied) else None
        return DeliveryReported(
            node_id=delivery.order.node_id,
            delivery_id=delivery.order.delivery_id,
            attempt=attempt or delivery.order.attempt,
            outcome=outcome_of(delivery),
            loaded_hash=loaded.hash if loaded else None,
            tests_passed=applied is not None and applied.tests_passed,
            tests=applied.tests if applied else None,
            cause=result.cause if isinstance(result, Failed) else None,
            reason=shortened(result.reason) if isinstance(result, Failed) else None,
            at=self._clock.now(),
        )
