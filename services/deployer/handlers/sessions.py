"""What comes through the queue `deployer.sessions`: who has which account, who lacks a login, and what nodes hand back.

A message is settled when its transaction is committed. Logins are large and each takes a moment of cryptography, so
only some are in work at once.
"""

from collections.abc import Callable

from services.deployer.use_cases.deliver_sessions import DeliverSessions
from services.deployer.use_cases.record_syncs import RecordSyncs
from services.deployer.use_cases.sign_in import SignInOnNode
from shared.contracts.assignments import AssignmentChanged, SessionWanted
from shared.contracts.contract import Contract
from shared.contracts.logins import LoginReported
from shared.contracts.names import deployer_sessions_queue
from shared.contracts.sessions import SessionSynced
from shared.messaging import Handler, Route

# Each may hold a login of the largest size, sealed and open.
PREFETCH = 20


def sessions_route(
    deliver: DeliverSessions, record: RecordSyncs, sign_in: SignInOnNode, admits: Callable[[str], bool]
) -> Route:
    """The route of the vault."""

    async def on_changed(change: AssignmentChanged) -> None:
        await deliver.note(change)

    async def on_wanted(wanted: SessionWanted) -> None:
        await deliver.deliver(wanted)

    async def on_synced(state: SessionSynced) -> None:
        await record(state)

    async def on_login(report: LoginReported) -> None:
        await sign_in.record(report)

    handlers: dict[type[Contract], Handler] = {
        AssignmentChanged: on_changed,
        SessionWanted: on_wanted,
        SessionSynced: on_synced,
        LoginReported: on_login,
    }
    return Route(deployer_sessions_queue(), handlers, PREFETCH, admits)
