"""The contract of the ledger itself and of its deliveries, on a file and in memory: the same code, two connections."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.node_agent.domain.deliveries import Applied, Delivery, Failed, StoredArtifact
from services.node_agent.domain.ports import LedgerAway
from services.node_agent.store.database import Database
from services.node_agent.store.deliveries import MOST_FINISHED, SqliteDeliveries
from services.node_agent.store.identity import begin_boot
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, DeliveryReported, FailureCause, RemoveArtifact
from shared.randomness import SeededRandomness
from tests.support.agent.orders import order, script

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def deliveries(database: Database) -> SqliteDeliveries:
    """The ledger's deliveries."""
    return SqliteDeliveries(database, SeededRandomness(1))


def report(of: DeliverArtifact | RemoveArtifact, outcome: DeliveryOutcome) -> DeliveryReported:
    """A report of the order."""
    return DeliveryReported(node_id=of.node_id, delivery_id=of.delivery_id, attempt=of.attempt, outcome=outcome, at=NOW)


async def test_a_boot_rises_even_when_the_clock_went_back_and_the_ledger_keeps_its_id(database: Database) -> None:
    """An older boot would be refused by the registry, and another ledger id would number its changes anew."""
    first = await begin_boot(database, NOW, SeededRandomness(1))
    second = await begin_boot(database, NOW - timedelta(days=9), SeededRandomness(2))
    assert first.boot == int(NOW.timestamp() * 1_000_000) and second.boot == first.boot + 1
    assert second.ledger_id == first.ledger_id


async def test_deliveries_are_applied_in_the_order_of_their_arrival(deliveries: SqliteDeliveries) -> None:
    """The last order to arrive must be the last to be applied."""
    for number in (2, 1):
        one = order(script("hi"), number)
        await deliveries.receive(one, report(one, DeliveryOutcome.RECEIVED))
    first = await deliveries.next_received()
    assert first is not None and first.order.artifact.version == 2


async def test_a_result_comes_with_what_it_led_to(deliveries: SqliteDeliveries) -> None:
    """A result without its artifact would report what is not loaded after the next start."""
    one = order(script("hi"))
    await deliveries.receive(one, report(one, DeliveryOutcome.RECEIVED))
    artifact = StoredArtifact(AppliedArtifact(**one.artifact.model_dump(), tests_passed=True), one.delivery_id, NOW)
    await deliveries.finish(
        Delivery(one, Applied(True)), report(one, DeliveryOutcome.APPLIED), artifact=artifact, bindings={"*": "greeter"}
    )
    assert await deliveries.next_received() is None
    assert await deliveries.artifacts() == [artifact]
    assert await deliveries.bindings() == {"*": "greeter"}
    stored = await deliveries.delivery(one.delivery_id)
    assert stored is not None and stored.result == Applied(True)
    assert [pending.report.outcome for pending in await deliveries.pending_reports(10)] == [DeliveryOutcome.APPLIED]


async def test_a_failure_is_remembered_with_its_cause(deliveries: SqliteDeliveries) -> None:
    """A repeated order is answered from the ledger, with the same words."""
    failed = Delivery(order(script("hi")), Failed(FailureCause.TESTS_FAILED, "test 'x'"))
    await deliveries.finish(failed, report(failed.order, DeliveryOutcome.FAILED))
    stored = await deliveries.delivery(failed.order.delivery_id)
    assert stored is not None and stored.result == failed.result


async def test_a_confirmed_report_does_not_take_a_newer_one_with_it(deliveries: SqliteDeliveries) -> None:
    """`received` is on its way while `applied` takes its place: the second must still be sent."""
    one = order(script("hi"))
    await deliveries.report(report(one, DeliveryOutcome.RECEIVED))
    [sent] = await deliveries.pending_reports(10)
    await deliveries.report(report(one, DeliveryOutcome.APPLIED))
    await deliveries.forget_report(sent.message_id)
    [left] = await deliveries.pending_reports(10)
    assert left.report.outcome == DeliveryOutcome.APPLIED
    await deliveries.forget_report(left.message_id)
    assert await deliveries.pending_reports(10) == []


async def test_an_order_that_was_called_off_is_dropped_and_known(deliveries: SqliteDeliveries) -> None:
    """A late copy of an aborted order would be applied, or its report would confuse whoever reads it."""
    one, other = order(script("hi")), order(script("ho"), 2)
    await deliveries.receive(one, report(one, DeliveryOutcome.RECEIVED))
    await deliveries.finish(Delivery(other, Applied(True)), report(other, DeliveryOutcome.APPLIED))
    for each in (one, one, other):
        await deliveries.forget(each.delivery_id)
    assert await deliveries.delivery(one.delivery_id) is None
    assert await deliveries.next_received() is None
    assert await deliveries.delivery(other.delivery_id) is not None
    assert await deliveries.is_forgotten(one.delivery_id)
    assert not await deliveries.is_forgotten("dlv_" + "f" * 32)
    assert [each.report.delivery_id for each in await deliveries.pending_reports(9)] == [other.delivery_id]


async def test_what_was_called_off_is_kept_within_bounds(database: Database, deliveries: SqliteDeliveries) -> None:
    """A ledger that only grows fills the disk in the end."""
    for number in range(MOST_FINISHED + 5):
        await deliveries.forget(f"dlv_{number:032x}")
    async with database.transaction() as connection:
        [[count]] = await connection.execute("select count(*) from forgotten")
    assert count == MOST_FINISHED


async def test_finished_deliveries_are_kept_within_bounds(database: Database, deliveries: SqliteDeliveries) -> None:
    """A ledger that only grows fills the disk in the end."""
    async with database.transaction() as connection:
        await connection.execute(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?) "
            "insert into deliveries (delivery_id, body, outcome) select 'd' || i, '{}', 'applied' from n",
            (MOST_FINISHED + 50,),
        )
    failed = Delivery(order(script("hi")), Failed(None, "overtaken"))
    await deliveries.finish(failed, report(failed.order, DeliveryOutcome.FAILED))
    async with database.transaction() as connection:
        [(count,)] = await connection.execute("select count(*) from deliveries")
    assert count == MOST_FINISHED


async def test_a_transaction_that_is_cancelled_anywhere_leaves_the_ledger_usable(database: Database) -> None:
    """Runners are cancelled at every lapse of the lease; one begin left open would stop the agent for good."""

    async def write(number: int) -> None:
        async with database.transaction() as connection:
            await connection.execute("insert into bindings values (?, 's')", (str(number),))

    for rounds in range(40):
        task = asyncio.create_task(write(rounds))
        for _ in range(rounds % 20):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await write(1000)
    async with database.transaction() as connection:
        assert (await connection.execute("select 1 from bindings where account_id = '1000'")) == [(1,)]


async def test_an_error_of_sqlite_says_that_the_ledger_is_away(database: Database) -> None:
    """The message that waits for the ledger must stay in the broker, not become a dead letter."""
    with pytest.raises(LedgerAway, match="look at the disk"):
        async with database.transaction() as connection:
            await connection.execute("select * from no_such_table")
    async with database.transaction() as connection:
        assert await connection.execute("select 1") == [(1,)]
