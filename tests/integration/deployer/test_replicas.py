"""Several deployers at once on one real database."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event, text

from services.deployer.domain.deployments import Deployment
from services.deployer.domain.rollout import Rollout
from services.deployer.domain.selector import Selector
from services.deployer.store.postgres import SCHEMA, PostgresStore
from services.deployer.use_cases.advance_deployments import Acts, AdvanceDeployments
from services.deployer.use_cases.begin_deployment import BeginDeployment
from services.deployer.use_cases.join_late import JoinLate
from services.deployer.use_cases.order_deployment import DeploymentOrder, OrderDeployment, Ordered
from services.deployer.use_cases.record_reports import RecordReports
from services.deployer.use_cases.send_due_deliveries import SendDueDeliveries
from services.deployer.use_cases.steer_deployment import SteerDeployment
from shared.backoff import Backoff
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.db import Database, Outbox, new_engine
from tests.integration.deployer.running import CLOCK, RANDOMNESS
from tests.support.waiting import until
from tests.unit.deployer.making import new_script, report, seen

NODES = 1_200


class Replica:
    """One deployer's use cases on a pool of its own."""

    def __init__(self, database_url: str) -> None:
        self.database = Database(new_engine(database_url, application="test"))
        self.store = PostgresStore(self.database, Outbox(SCHEMA, RANDOMNESS), lambda: None)
        backoff, deadline = Backoff(first=5.0, most=60.0), timedelta(days=1)
        self.order = OrderDeployment(self.store, deadline, lambda: None, CLOCK, RANDOMNESS)
        self.send = SendDueDeliveries(self.store, lambda name: name, backoff, lambda: False, CLOCK, RANDOMNESS)
        self.record = RecordReports(self.store, backoff, lambda: None, CLOCK, RANDOMNESS)
        begin = BeginDeployment(self.store, deadline, lambda: None, CLOCK, RANDOMNESS)
        self.steer = SteerDeployment(self.store, begin, lambda: None, CLOCK)
        acts = Acts(begin.scheduled, self.steer.expire, self.steer.abort, JoinLate(self.store, CLOCK, RANDOMNESS))
        self.advance = AdvanceDeployments(self.store, acts, lambda: None, CLOCK)

    async def deploy(self, **rollout: Any) -> Deployment:
        """Order the script for every node."""
        wanted = DeploymentOrder("greeter", Selector(), bind="all", rollout=Rollout.model_validate(rollout))
        ordered = await self.order(wanted)
        assert isinstance(ordered, Ordered)
        return ordered.deployment

    async def outbox(self) -> list[tuple[str, str]]:
        """Type and body of everything that is to be published."""
        async with self.database.begin() as connection:
            rows = await connection.execute(text("select type, body from deployer.outbox"))
            return [(row.type, row.body) for row in rows]


@pytest.fixture
async def replicas(database_url: str) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two replicas, one script, many nodes."""
    pair = Replica(database_url), Replica(database_url)
    async with pair[0].store.begin() as transaction:
        await transaction.scripts.add(new_script(), CLOCK.now())
    await pair[0].record([seen(f"n-{number:05}", at=CLOCK.now()) for number in range(NODES)])
    yield pair
    for replica in pair:
        await replica.database.close()


@contextmanager
def counted_statements(replica: Replica) -> Iterator[list[str]]:
    """The statements that a replica executes within the context."""
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(replica.database.engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(replica.database.engine.sync_engine, "before_cursor_execute", note)


async def test_two_replicas_send_every_delivery_once(replicas: tuple[Replica, Replica]) -> None:
    """Otherwise every replica that is added would send everything once more."""
    await replicas[0].deploy()

    async def drain(replica: Replica) -> None:
        while await replica.send():
            pass

    await asyncio.gather(*(drain(replica) for replica in replicas for _ in range(2)))
    await drain(replicas[0])
    orders = [
        DeliverArtifact.model_validate_json(body)
        for kind, body in await replicas[0].outbox()
        if kind == DeliverArtifact.TYPE
    ]
    assert Counter(order.node_id for order in orders) == {f"n-{number:05}": 1 for number in range(NODES)}
    assert {order.attempt for order in orders} == {1}


async def test_a_batch_costs_the_same_few_statements_whatever_its_size(replicas: tuple[Replica, Replica]) -> None:
    """Otherwise a rollout to ten thousand nodes would be ten thousand times a statement."""
    replica = replicas[0]
    with counted_statements(replica) as ordering:
        deployment = await replica.deploy()
    with counted_statements(replica) as sending:
        await replica.send()
    async with replica.store.begin() as transaction:
        deliveries = await transaction.deliveries.page(deployment.id, None, 500)
    with counted_statements(replica) as recording:
        await replica.record([report(delivery, DeliveryOutcome.APPLIED) for delivery in deliveries])
    assert [len(ordering), len(sending), len(recording)] == [16, 7, 9]
    grouped = await replica.deploy(groups=[500, "100%"])
    with counted_statements(replica) as releasing:
        await replica.advance()
    with counted_statements(replica) as aborting:
        await replica.steer.abort(grouped.id)
    assert [len(releasing), len(aborting)] == [7, 11]


async def test_a_rollout_that_two_replicas_advance_lets_every_node_go_once(replicas: tuple[Replica, Replica]) -> None:
    """Otherwise a group would begin before the one before it is verified, or two replicas would wait in a circle."""
    deployment = await replicas[0].deploy(groups=[10, "50%", "100%"], stop=[{"failed_percent": 50}])
    answered: set[str] = set()

    async def work(replica: Replica) -> None:
        while await replica.advance():
            pass
        while await replica.send():
            pass
        async with replica.store.begin() as transaction:
            sent = await transaction.deliveries.in_states(deployment.id, [DeliveryState.SENT])
        fresh = [one for one in sent if one.id not in answered]
        answered.update(one.id for one in fresh)
        for start in range(0, len(fresh), 500):
            await replica.record([report(one, DeliveryOutcome.APPLIED) for one in fresh[start : start + 500]])

    async def ended() -> bool:
        await asyncio.gather(*(work(replica) for replica in replicas for _ in range(2)))
        async with replicas[0].store.begin() as transaction:
            found = await transaction.deployments.one(deployment.id)
        assert found is not None
        groups = found.progress.groups
        assert not any(later.size > later.held and earlier.count(DeliveryState.VERIFIED) < earlier.size
                       for earlier, later in pairwise(groups))  # fmt: skip
        return found.state is DeploymentState.SUCCEEDED

    await until(ended, "the rollout has succeeded", 60)
    orders = Counter(
        DeliverArtifact.model_validate_json(body).node_id
        for kind, body in await replicas[1].outbox()
        if kind == DeliverArtifact.TYPE
    )
    assert len(orders) == NODES and set(orders.values()) == {1}


async def test_a_rollout_is_paused_aborted_and_planned_while_replicas_work(replicas: tuple[Replica, Replica]) -> None:
    """Otherwise an operator's word would be lost in a deadlock, or leave deliveries that nobody ends."""

    async def drained(replica: Replica) -> None:
        for _ in range(6):
            await replica.advance()
            await replica.send()

    async def steered(replica: Replica) -> None:
        for _ in range(3):
            await replica.steer.pause(deployment.id)
            await replica.steer.resume(deployment.id)
        await replica.steer.abort(deployment.id)

    deployment = await replicas[0].deploy(groups=[100, "100%"], success_percent=1)
    await asyncio.gather(drained(replicas[0]), drained(replicas[1]), steered(replicas[1]), drained(replicas[0]))
    async with replicas[0].store.begin() as transaction:
        ended = await transaction.deployments.one(deployment.id)
        left = await transaction.deliveries.lock_of(deployment.id)
    assert ended is not None and left == []
    assert (ended.state, ended.held, ended.totals) == (DeploymentState.ABORTED, 0, {DeliveryState.CANCELED: NODES})


async def test_reports_that_two_replicas_record_at_once_count_once(replicas: tuple[Replica, Replica]) -> None:
    """Otherwise a redelivery to another replica would verify twice or lose a count."""
    deployment = await replicas[0].deploy()
    while await replicas[0].send():
        pass
    async with replicas[0].store.begin() as transaction:
        deliveries = await transaction.deliveries.page(deployment.id, None, NODES)
    reports = [
        report(one, outcome) for one in deliveries for outcome in (DeliveryOutcome.RECEIVED, DeliveryOutcome.APPLIED)
    ]
    halves = reports[::2] + reports[1::2], reports[1::2] + reports[::2]
    batches = [
        (replica, half[start : start + 500])
        for replica, half in zip(replicas, halves, strict=True)
        for start in range(0, len(half), 500)
    ]
    await asyncio.gather(*(replica.record(batch) for replica, batch in batches))
    async with replicas[0].store.begin() as transaction:
        ended = await transaction.deployments.one(deployment.id)
    assert ended is not None
    assert (ended.state, ended.totals) == (DeploymentState.SUCCEEDED, {DeliveryState.VERIFIED: NODES})
    announced = Counter(kind for kind, body in await replicas[0].outbox() if '"state":"verified"' in body)
    assert announced == {"deploy.delivery.v1": NODES}


async def test_deployments_that_are_ordered_at_once_supersede_each_other_in_order(
    replicas: tuple[Replica, Replica],
) -> None:
    """Otherwise two operators could leave a node with two open orders, and the older could win."""
    ordered = await asyncio.gather(*(replica.deploy() for replica in replicas for _ in range(3)))
    newest = max(ordered, key=lambda one: one.created_at)
    assert len({one.created_at for one in ordered}) == 6
    async with replicas[0].store.begin() as transaction:
        found = {one.id: await transaction.deployments.one(one.id) for one in ordered}
    totals = {id_: one.totals for id_, one in found.items() if one is not None}
    assert totals.pop(newest.id) == {DeliveryState.PENDING: NODES}
    assert list(totals.values()) == [{DeliveryState.SUPERSEDED: NODES}] * 5


async def test_a_poisonous_report_fails_alone(replicas: tuple[Replica, Replica]) -> None:
    """Otherwise one message that the database refuses would take five hundred others with it."""
    deployment = await replicas[0].deploy()
    await replicas[0].send()
    async with replicas[0].store.begin() as transaction:
        deliveries = await transaction.deliveries.page(deployment.id, None, 3)
    good = [report(one, DeliveryOutcome.APPLIED) for one in deliveries]
    poison = seen("poisoned", boot=2**63)
    results = await replicas[0].record([good[0], poison, *good[1:]])
    assert [result is None for result in results] == [True, False, True, True]
    async with replicas[0].store.begin() as transaction:
        states = {one.state for one in await transaction.deliveries.page(deployment.id, None, 3)}
    assert states == {DeliveryState.VERIFIED}
