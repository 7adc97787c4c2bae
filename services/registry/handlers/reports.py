"""What nodes report: heartbeats, and account changes that did not wait for one; which logins and keys the vault has."""

from collections.abc import Callable
from dataclasses import dataclass

from services.registry.use_cases.know_keys import KnowKeys
from services.registry.use_cases.take_in import TakeInAccountChange, TakeInHeartbeat, TakeInSessionChange
from shared.contracts import names
from shared.contracts.accounts import AccountChanged
from shared.contracts.contract import Contract
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.keys import KeysAnnounced
from shared.contracts.sessions import SessionChanged
from shared.messaging import Handler, Route


@dataclass(frozen=True)
class Intake:
    """What takes in each of the messages; `admits` says of a routing key whether its message is taken in at all."""

    heartbeats: TakeInHeartbeat
    changes: TakeInAccountChange
    sessions: TakeInSessionChange
    keys: KnowKeys
    admits: Callable[[str], bool]


def routes(intake: Intake, *, lease_seconds: float, prefetch: int) -> list[Route]:
    """The registry's queues. `prefetch` bounds the reports in work, so it must hold several batches."""

    async def on_heartbeat(message: HeartbeatReported) -> None:
        await intake.heartbeats.from_bus(message)

    async def on_account_changed(message: AccountChanged) -> None:
        await intake.changes(message)

    async def on_session_changed(message: SessionChanged) -> None:
        await intake.sessions(message)

    async def on_keys(message: KeysAnnounced) -> None:
        await intake.keys(message)

    reports: dict[type[Contract], Handler] = {
        AccountChanged: on_account_changed,
        SessionChanged: on_session_changed,
        KeysAnnounced: on_keys,
    }
    return [
        Route(names.heartbeats_queue(lease_seconds), {HeartbeatReported: on_heartbeat}, prefetch, intake.admits),
        Route(names.registry_reports_queue(), reports, prefetch, intake.admits),
    ]
