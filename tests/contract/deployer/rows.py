"""Rows that the contract of the deployer's store is tried with."""

from dataclasses import replace
from datetime import timedelta

from services.deployer.domain.deployments import Deployment
from services.deployer.domain.ports import Transaction
from shared.contracts.artifacts import Artifact
from shared.contracts.deployments import DeliveryState
from tests.unit.deployer.making import HASH, START, delivery, new_script


def deployment(number: int = 0, **changes: object) -> Deployment:
    """A running deployment of `greeter`, number `number`."""
    plain = Deployment(
        id=f"dep_{number:032x}",
        artifact=Artifact(id="greeter", version=1, hash=HASH),
        bind=["acc-1"],
        targets={"selector": "region=eu"},
        created_at=START + timedelta(seconds=number),
        total=2,
        totals={DeliveryState.PENDING: 2},
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


async def with_deployment(transaction: Transaction, *node_ids: str) -> None:
    """A script, a deployment of it and one pending delivery to each node."""
    await transaction.scripts.add(new_script(), START)
    await transaction.deployments.add(deployment())
    await transaction.deliveries.add(
        [delivery(id=f"dlv_{place:032x}", node_id=node_id) for place, node_id in enumerate(node_ids)]
    )
