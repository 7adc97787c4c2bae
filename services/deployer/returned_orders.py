"""Buses in front of another one, which note what becomes of what is sent: whether the broker takes anything, and which
orders came back because no queue took them, for their node is not at the broker just now.
"""

from collections.abc import Callable

from shared.clock import Clock
from shared.contracts.contract import Contract
from shared.contracts.deliveries import DeliverArtifact, RemoveArtifact
from shared.messaging import Bus
from shared.messaging.bus import PublishFailed, Unroutable

# The outbox tries again more often than that. What failed here may have been sent by another replica.
AWAY_SECONDS = 20.0


class NotingOutages:
    """A bus in front of another one, that knows whether the broker is away."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._away_until = 0.0

    @property
    def away(self) -> bool:
        """Whether the last message could not be sent, a moment ago."""
        return self._clock.monotonic() < self._away_until

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Publish. Raises PublishFailed, and Unroutable for what came back."""
        try:
            await self._bus.publish(message, message_id=message_id)
        except Unroutable:
            self._away_until = 0.0
            raise
        except PublishFailed:
            self._away_until = self._clock.monotonic() + AWAY_SECONDS
            raise
        self._away_until = 0.0


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
