"""What comes through the queue `deployer.reports`: delivery reports, and the registry's observations of nodes.

A handler submits its message to the intake's batch and returns when the batch is committed, so a message is settled
only after it is durable. It raises what became of its own message: Rejected, or an unexpected error.
"""

from collections.abc import Callable

from services.deployer.use_cases.record_reports import Report, Result
from shared.batching import Batcher
from shared.contracts.deliveries import DeliveryReported
from shared.contracts.fleet import NodeObserved
from shared.contracts.names import deployer_reports_queue
from shared.messaging import Route

# Twice the batch, so that the next one fills while one is written.
PREFETCH = 1_000
BATCH = 500


def reports_route(intake: Batcher[Report, Result], admits: Callable[[str], bool]) -> Route:
    """The route of the deployer's reports."""

    async def on_report(report: Report) -> None:
        result = await intake.submit(report)
        if result is not None:
            raise result

    return Route(deployer_reports_queue(), {DeliveryReported: on_report, NodeObserved: on_report}, PREFETCH, admits)
