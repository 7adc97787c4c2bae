"""What nodes report: heartbeats, and account changes that did not wait for one; and which keys the deployer has."""

from services.registry.use_cases.know_keys import KnowKeys
from services.registry.use_cases.take_in import TakeInAccountChange, TakeInHeartbeat
from shared.contracts import names
from shared.contracts.accounts import AccountChanged
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.keys import KeysAnnounced
from shared.messaging import Route


def routes(
    take_heartbeat: TakeInHeartbeat,
    take_change: TakeInAccountChange,
    know_keys: KnowKeys,
    *,
    lease_seconds: float,
    prefetch: int,
) -> list[Route]:
    """The registry's queues. `prefetch` bounds the reports in work, so it must hold several batches."""

    async def on_heartbeat(message: HeartbeatReported) -> None:
        await take_heartbeat.from_bus(message)

    async def on_account_changed(message: AccountChanged) -> None:
        await take_change(message)

    async def on_keys(message: KeysAnnounced) -> None:
        await know_keys(message)

    return [
        Route(names.heartbeats_queue(lease_seconds), {HeartbeatReported: on_heartbeat}, prefetch),
        Route(names.registry_reports_queue(), {AccountChanged: on_account_changed, KeysAnnounced: on_keys}, prefetch),
    ]
