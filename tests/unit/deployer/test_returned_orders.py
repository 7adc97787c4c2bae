"""Orders that come back from the broker, because their node has no queue there just now, and a broker that is away."""

import pytest

from services.deployer.returned_orders import AWAY_SECONDS, NotingOutages, NotingReturned
from services.deployer.use_cases.send_returned_again import SendReturnedAgain
from shared.contracts.contract import Contract
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome
from shared.messaging.bus import PublishFailed, Unroutable
from tests.unit.deployer.stand import Stand


class Broker:
    """One whose answer to a message is `fails`."""

    def __init__(self) -> None:
        self.fails: PublishFailed | None = None

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Take it, or not."""
        if self.fails is not None:
            raise self.fails


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


async def test_while_the_broker_is_away_nothing_is_ordered_and_soon_after_everything(stand: Stand) -> None:
    """Each attempt would double the pause, and an outage of a minute would cost every delivery another one."""
    await stand.deploy("a", "b")
    (order, *_) = await stand.reconcile()
    broker = Broker()
    bus = NotingOutages(broker, stand.clock)

    async def says(fails: PublishFailed | None) -> bool:
        broker.fails = fails
        try:
            await bus.publish(order)
        except PublishFailed as error:
            assert error is fails
        stand.broker_away = bus.away
        return bus.away

    assert await says(PublishFailed("connection refused"))
    for _ in range(12):
        assert await stand.reconcile(10) == []
        assert await says(PublishFailed("connection refused"))
    assert not await says(Unroutable("it is there, and has no queue yet"))
    again = await stand.reconcile(6)
    assert {(each.node_id, each.attempt) for each in again} == {("a", 2), ("b", 2)}


async def test_an_outage_that_is_not_heard_of_again_is_over(stand: Stand) -> None:
    """Another replica may have sent what failed here; nothing would be left that could tell that the broker is back."""
    broker = Broker()
    broker.fails = PublishFailed("connection refused")
    bus = NotingOutages(broker, stand.clock)
    await stand.deploy("a")
    (order,) = await stand.reconcile()
    with pytest.raises(PublishFailed):
        await bus.publish(order)
    assert bus.away
    await stand.clock.run_for(AWAY_SECONDS)
    assert not bus.away
