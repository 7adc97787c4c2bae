"""What nodes report: heartbeats, and account changes that did not wait for one; and what the vault has."""

from services.registry.use_cases.take_in import TakeInAccountChange, TakeInHeartbeat, TakeInSessionChange
from shared.contracts import names
from shared.contracts.accounts import AccountChanged
from shared.contracts.contract import Contract
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.sessions import SessionChanged
from shared.messaging import Route
from shared.messaging.bus import Handler


def routes(
    take_heartbeat: TakeInHeartbeat,
    take_change: TakeInAccountChange,
    take_session: TakeInSessionChange,
    *,
    lease_seconds: float,
    prefetch: int,
) -> list[Route]:
    """The registry's queues. `prefetch` bounds the reports in work, so it must hold several batches."""

    async def on_heartbeat(message: HeartbeatReported) -> None:
        await take_heartbeat.from_bus(message)

    async def on_account_changed(message: AccountChanged) -> None:
        await take_change(message)

    async def on_session_changed(message: SessionChanged) -> None:
        await take_session(message)

    reports: dict[type[Contract], Handler] = {AccountChanged: on_account_changed, SessionChanged: on_session_changed}
    return [
        Route(names.heartbeats_queue(lease_seconds), {HeartbeatReported: on_heartbeat}, prefetch),
        Route(names.registry_reports_queue(), reports, prefetch),
    ]
