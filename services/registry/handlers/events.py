"""What everyone is told, for the event stream: a queue of this replica's own, gone with its connection."""

from services.registry.use_cases.follow_events import EventStream
from shared.contracts import names
from shared.contracts.assignments import AssignmentChanged
from shared.contracts.deployments import DeliveryChanged, DeploymentChanged
from shared.contracts.drift import DriftChanged
from shared.contracts.fleet import AccountsChanged, AccountsCounted, NodeObserved
from shared.contracts.sessions import SessionChanged
from shared.messaging import Route

STREAMED = (
    NodeObserved,
    AccountsChanged,
    AccountsCounted,
    AssignmentChanged,
    DeploymentChanged,
    DeliveryChanged,
    DriftChanged,
    SessionChanged,
)


def routes(stream: EventStream, replica: str) -> list[Route]:
    """One queue. Its messages are taken one at a time, so that readers see them in the order of the queue."""
    queue = names.event_stream_queue(f"registry.event-stream.{replica}")
    return [Route(queue, dict.fromkeys(STREAMED, stream.take), prefetch=1)]
