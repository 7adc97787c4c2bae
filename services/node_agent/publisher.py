"""What the agent says on the bus. Message ids are stable, so that a report sent twice is known as the same."""

import base64

from services.node_agent.domain.logins import HandedBack
from services.node_agent.domain.ports import PendingReport
from shared.contracts.accounts import AccountChanged
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.logins import LoginReported
from shared.contracts.sessions import SessionSynced
from shared.messaging import Bus


class BusPublisher:
    """Implements `domain.ports.Publisher` and sends heartbeats. Every method raises PublishFailed."""

    def __init__(self, bus: Bus, node_id: str) -> None:
        self._bus = bus
        self._node_id = node_id

    async def heartbeat(self, heartbeat: HeartbeatReported) -> None:
        """A beat: published now or not at all."""
        await self._bus.publish(heartbeat)

    async def account_changed(self, change: AccountChanged) -> None:
        """A numbered change of the ledger."""
        await self._bus.publish(change, message_id=f"{change.ledger_id}-{change.number}")

    async def delivery_reported(self, pending: PendingReport) -> None:
        """A report of the outbox."""
        await self._bus.publish(pending.report, message_id=pending.message_id)

    async def login_handed_back(self, state: HandedBack) -> None:
        """A state of a login, sealed to the vault."""
        message = SessionSynced(
            node_id=self._node_id,
            account_id=state.account_id,
            epoch=state.epoch,
            boot=state.boot,
            number=state.number,
            hash=state.hash,
            size=state.size,
            sealed=base64.b64encode(state.sealed).decode(),
            final=state.final,
            answers=state.answers,
            at=state.at,
        )
        message_id = f"{self._node_id}-{state.account_id}-{state.epoch}-{state.boot}-{state.number}"
        await self._bus.publish(message, message_id=message_id)

    async def sign_in_reported(self, report: LoginReported) -> None:
        """How far a sign-in is."""
        await self._bus.publish(report, message_id=f"{report.login_id}-{report.number}")
