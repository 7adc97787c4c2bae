"""The bus that notes which orders came back, because no queue took them: their node is not at the broker just now."""

from collections.abc import Callable

from shared.contracts.contract import Contract
from shared.contracts.deliveries import DeliverArtifact, RemoveArtifact
from shared.messaging import Bus
from shared.messaging.bus import Unroutable


class NotingReturned:
    """A bus in front of another one. `note` is called with the id of a delivery whose order came back."""

    def __init__(self, bus: Bus, note: Callable[[str], None]) -> None:
        self._bus = bus
        self._note = note

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Publish. Raises PublishFailed, and Unroutable for what came back."""
        try:
            await self._bus.publish(message, message_id=message_id)
        except Unroutable:
            if isinstance(message, DeliverArtifact | RemoveArtifact):
                self._note(message.delivery_id)
            raise
