"""What the agent says on the bus. Message ids are stable, so that a report sent twice is known as the same."""

from services.node_agent.domain.ports import PendingReport
from shared.contracts.accounts import AccountChanged
from shared.contracts.heartbeats import HeartbeatReported
from shared.messaging import Bus


class BusPublisher:
    """Implements `domain.ports.Publisher` and sends heartbeats. Every method raises PublishFailed."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def heartbeat(self, heartbeat: HeartbeatReported) -> None:
        """A beat: published now or not at all."""
        await self._bus.publish(heartbeat)

    async def account_changed(self, change: AccountChanged) -> None:
        """A numbered change of the ledger."""
        await self._bus.publish(change, message_id=f"{change.ledger_id}-{change.number}")

    async def delivery_reported(self, pending: PendingReport) -> None:
        """A report of the outbox."""
        await self._bus.publish(pending.report, message_id=pending.message_id)
