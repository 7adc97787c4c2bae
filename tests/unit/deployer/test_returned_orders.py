"""Orders that come back from the broker, because their node has no queue there just now."""

import pytest

from services.deployer.returned_orders import NotingReturned
from services.deployer.use_cases.send_returned_again import SendReturnedAgain
from shared.contracts.contract import Contract
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome
from shared.messaging.bus import Unroutable
from tests.unit.deployer.stand import Stand


class WithoutQueues:
    """A broker that has just lost its disk."""

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Nothing arrives."""
        raise Unroutable("no queue takes it")


async def returned(stand: Stand, again: SendReturnedAgain, orders: list[DeliverArtifact]) -> None:
    """The orders come back."""
    bus = NotingReturned(WithoutQueues(), again.note)
    for order in orders:
        with pytest.raises(Unroutable):
            await bus.publish(order)
    while await again():
        pass


async def test_what_comes_back_is_sent_again_in_seconds_however_often(stand: Stand) -> None:
    """With the back-off of a node that does not answer, its fourth order would come a minute after it is back."""
    again = SendReturnedAgain(stand.store, stand.clock)
    await stand.deploy("a", "b")
    orders = await stand.reconcile()
    for _ in range(8):
        assert {order.node_id for order in orders} == {"a", "b"}
        await returned(stand, again, orders)
        assert await stand.reconcile(4) == []
        orders = await stand.reconcile(1)


async def test_what_is_answered_meanwhile_is_left_alone(stand: Stand) -> None:
    """A node would be sent what it has said that it has."""
    again = SendReturnedAgain(stand.store, stand.clock)
    deployment = await stand.deploy("a")
    orders = await stand.reconcile()
    await stand.tell((await stand.deliveries(deployment))["a"], DeliveryOutcome.APPLIED)
    await returned(stand, again, orders)
    assert await stand.reconcile(600) == []
