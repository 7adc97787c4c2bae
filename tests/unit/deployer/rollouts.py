"""Rollouts over a stand: fleets of nodes, their answers, and what has become of each."""

from typing import Any

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.rollout import Rollout
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome
from tests.unit.deployer.making import report
from tests.unit.deployer.stand import Stand

RECEIVED, APPLIED, FAILED = DeliveryOutcome.RECEIVED, DeliveryOutcome.APPLIED, DeliveryOutcome.FAILED
UNKNOWN = "dep_" + "f" * 32


def policy(**rollout: Any) -> Rollout:
    """A policy as it is written."""
    return Rollout.model_validate(rollout)


async def fleet(count: int) -> Stand:
    """A stand with a script and so many online nodes, n-00 and so on."""
    stand = Stand()
    await stand.push()
    await stand.see(*(f"n-{number:02}" for number in range(count)))
    return stand


async def answer(stand: Stand, orders: list[DeliverArtifact], *outcomes: DeliveryOutcome, **more: Any) -> None:
    """Let nodes report on orders; by default that they have applied them."""
    found = await stand.every()
    for outcome in outcomes or (APPLIED,):
        await stand.tell_all([report(found[order.delivery_id], outcome, **more) for order in orders])


def nodes(orders: list[DeliverArtifact]) -> list[str]:
    """Who was sent to."""
    return sorted(order.node_id for order in orders)


async def states(stand: Stand, deployment: Deployment) -> dict[str, str]:
    """The states of a deployment's deliveries by node."""
    return {name: one.state.value for name, one in (await stand.deliveries(deployment)).items()}


async def one_of(stand: Stand, deployment: Deployment, node_id: str = "n-00") -> Delivery:
    """The delivery to a node."""
    return (await stand.deliveries(deployment))[node_id]
