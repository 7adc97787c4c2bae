"""What everyone is told, for the event stream: a queue of this replica's own, gone with its connection."""

from services.registry.use_cases.follow_events import EventStream
from shared.contracts import names
from shared.contracts.assignments import AssignmentChanged, SessionWanted
from shared.contracts.contract import Contract
from shared.contracts.deployments import DeliveryChanged, DeploymentChanged
from shared.contracts.drift import DriftChanged
from shared.contracts.fleet import AccountsChanged, AccountsCounted, NodeObserved
from shared.contracts.keys import KeysAnnounced
from shared.contracts.sessions import SessionChanged
from shared.messaging import Handler, Route

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
# What services tell each other beside it: it comes to the same queue, and is nobody's who looks on.
BETWEEN_SERVICES = (SessionWanted, KeysAnnounced)


def routes(stream: EventStream, replica: str) -> list[Route]:
    """One queue. Its messages are taken one at a time, so that readers see them in the order of the queue."""
    queue = names.event_stream_queue(f"registry.event-stream.{replica}")

    async def let_pass(message: Contract) -> None:
        """There is nobody to tell."""

    handlers: dict[type[Contract], Handler] = dict.fromkeys(STREAMED, stream.take)
    return [Route(queue, handlers | dict.fromkeys(BETWEEN_SERVICES, let_pass), prefetch=1)]
