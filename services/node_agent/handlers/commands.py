"""The node's command queue: each order goes to its use case."""

from dataclasses import dataclass

from services.node_agent.use_cases.accept_lease import AcceptLease
from services.node_agent.use_cases.drop_delivery import DropDelivery
from services.node_agent.use_cases.know_own_accounts import KnowOwnAccounts
from services.node_agent.use_cases.take_delivery import TakeDelivery
from shared.contracts import names
from shared.contracts.contract import Contract
from shared.contracts.deliveries import DeliverArtifact, ForgetDelivery
from shared.contracts.leases import GrantLease, RefuseLease
from shared.contracts.own_accounts import NameOwnAccounts
from shared.messaging import Handler, Route

# Orders are few; this many may wait for the ledger at once.
PREFETCH = 20


@dataclass(frozen=True)
class Orders:
    """What is done with an order to load something, and with the word that it is off."""

    take: TakeDelivery
    drop: DropDelivery


def commands_route(node_id: str, lease: AcceptLease, orders: Orders, know_own_accounts: KnowOwnAccounts) -> Route:
    """The route of a node's own queue."""

    async def on_grant(message: GrantLease) -> None:
        await lease.grant(message)

    async def on_refusal(message: RefuseLease) -> None:
        await lease.refuse(message)

    async def on_own_accounts(message: NameOwnAccounts) -> None:
        await know_own_accounts(message)

    async def on_delivery(message: DeliverArtifact) -> None:
        await orders.take(message)

    async def on_forget(message: ForgetDelivery) -> None:
        await orders.drop(message)

    handlers: dict[type[Contract], Handler] = {
        GrantLease: on_grant,
        RefuseLease: on_refusal,
        NameOwnAccounts: on_own_accounts,
        DeliverArtifact: on_delivery,
        ForgetDelivery: on_forget,
    }
    return Route(names.node_commands_queue(node_id), handlers, prefetch=PREFETCH)
