"""The node's command queue: each order goes to its use case."""

from dataclasses import dataclass

from services.node_agent.use_cases.accept_lease import AcceptLease
from services.node_agent.use_cases.drop_delivery import DropDelivery
from services.node_agent.use_cases.know_assignments import KnowAssignments, KnowRefused, KnowStored
from services.node_agent.use_cases.know_own_accounts import KnowOwnAccounts
from services.node_agent.use_cases.sign_ins import SignIns
from services.node_agent.use_cases.sync_login import SyncLogin
from services.node_agent.use_cases.take_delivery import TakeDelivery
from services.node_agent.use_cases.take_login import TakeLogin
from shared.contracts import names
from shared.contracts.assignments import AssignAccounts
from shared.contracts.contract import Contract
from shared.contracts.deliveries import DeliverArtifact, ForgetDelivery, RemoveArtifact
from shared.contracts.leases import GrantLease, RefuseLease
from shared.contracts.logins import AnswerLogin, BeginLogin
from shared.contracts.own_accounts import NameOwnAccounts
from shared.contracts.sessions import DeliverSession, SessionRefused, SessionStored, SyncSession
from shared.messaging import Handler, Route

# Orders are few; this many may wait for the ledger at once.
PREFETCH = 20

Handlers = dict[type[Contract], Handler]


@dataclass(frozen=True)
class Orders:
    """What is done with an order to load or remove something, and with the word that it is off."""

    take: TakeDelivery
    drop: DropDelivery


@dataclass(frozen=True)
class Fleet:
    """What is done with what the registry says: of this node's lease and accounts, and of everybody's."""

    lease: AcceptLease
    assignments: KnowAssignments
    own_accounts: KnowOwnAccounts


@dataclass(frozen=True)
class Vault:
    """What is done with logins that come, with what the vault says of those on their way back, and with sign-ins."""

    take: TakeLogin
    stored: KnowStored
    refused: KnowRefused
    sync: SyncLogin
    sign_ins: SignIns


def commands_route(node_id: str, fleet: Fleet, orders: Orders, vault: Vault) -> Route:
    """The route of a node's own queue."""
    handlers = _of_registry(fleet) | _of_deployer(orders) | _of_vault(vault)
    return Route(names.node_commands_queue(node_id), handlers, prefetch=PREFETCH)


def _of_registry(fleet: Fleet) -> Handlers:

    async def on_grant(message: GrantLease) -> None:
        await fleet.lease.grant(message)

    async def on_refusal(message: RefuseLease) -> None:
        await fleet.lease.refuse(message)

    async def on_own_accounts(message: NameOwnAccounts) -> None:
        await fleet.own_accounts(message)

    async def on_assignments(message: AssignAccounts) -> None:
        await fleet.assignments(message)

    return {
        GrantLease: on_grant,
        RefuseLease: on_refusal,
        NameOwnAccounts: on_own_accounts,
        AssignAccounts: on_assignments,
    }


def _of_deployer(orders: Orders) -> Handlers:
    async def on_delivery(message: DeliverArtifact) -> None:
        await orders.take(message)

    async def on_removal(message: RemoveArtifact) -> None:
        await orders.take(message)

    async def on_forget(message: ForgetDelivery) -> None:
        await orders.drop(message)

    return {DeliverArtifact: on_delivery, RemoveArtifact: on_removal, ForgetDelivery: on_forget}


def _of_vault(vault: Vault) -> Handlers:
    async def on_login(message: DeliverSession) -> None:
        await vault.take(message)

    async def on_stored(message: SessionStored) -> None:
        await vault.stored(message)

    async def on_refused(message: SessionRefused) -> None:
        await vault.refused(message)

    async def on_sync(message: SyncSession) -> None:
        await vault.sync(message)

    async def on_begin(message: BeginLogin) -> None:
        await vault.sign_ins.begin(message)

    async def on_answer(message: AnswerLogin) -> None:
        await vault.sign_ins.answer(message)

    return {
        DeliverSession: on_login,
        SessionStored: on_stored,
        SessionRefused: on_refused,
        SyncSession: on_sync,
        BeginLogin: on_begin,
        AnswerLogin: on_answer,
    }
