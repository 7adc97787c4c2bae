"""Deliveries in the ledger: orders in the order of their arrival, what became of them, and what is to be loaded.

The transaction that stores a result also stores what it led to (the artifact, the bindings) and puts the report into
the outbox. The outbox has at most one report of a delivery: `applied` takes the place of a `received` that has not
left yet. Finished deliveries are kept, the newest `MOST_FINISHED`, so that an order sent again is answered.
"""

from collections.abc import Mapping
from datetime import datetime

from pydantic import TypeAdapter

from services.node_agent.domain.deliveries import (
    Applied,
    Delivery,
    Failed,
    NewestOrder,
    Order,
    StoredArtifact,
    outcome_of,
)
from services.node_agent.domain.ports import PendingReport
from services.node_agent.store.database import Connection, Database, Row
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, DeliveryReported, FailureCause
from shared.randomness import Randomness

# With the largest inline order of 64 KiB this bounds the ledger at some 64 MB.
MOST_FINISHED = 1_000

# No field of one is a required field of the other, so a body fits one of them.
_ORDER: TypeAdapter[Order] = TypeAdapter(Order)
_COLUMNS = "body, outcome, tests_passed, cause, reason"


class SqliteDeliveries:
    """Implements `domain.ports.DeliveryLedger`."""

    def __init__(self, database: Database, randomness: Randomness) -> None:
        self._database = database
        self._randomness = randomness

    async def delivery(self, delivery_id: str) -> Delivery | None:
        """What the ledger has of a delivery."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(f"select {_COLUMNS} from deliveries where delivery_id = ?", (delivery_id,))
        return _delivery(rows[0]) if rows else None

    async def receive(self, order: Order, report: DeliveryReported) -> None:
        """Store an order that is to be applied, and the report that it was received."""
        async with self._database.transaction() as connection:
            await connection.execute("delete from deliveries where delivery_id = ?", (order.delivery_id,))
            await connection.execute(
                "insert into deliveries (delivery_id, body, outcome) values (?, ?, 'received')",
                (order.delivery_id, order.model_dump_json()),
            )
            await _note_newest(connection, order)
            await self._put_report(connection, report)

    async def newest_order(self, script_id: str) -> NewestOrder | None:
        """The order of a script that was issued last of all that were received."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                "select delivery_id, issued_at from newest_orders where script_id = ?", (script_id,)
            )
        return NewestOrder(rows[0][0], datetime.fromisoformat(rows[0][1])) if rows else None

    async def forget(self, delivery_id: str) -> None:
        """Drop an order that is not applied yet, with its report, and know its id."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                "select 1 from deliveries where delivery_id = ? and outcome = 'received'", (delivery_id,)
            )
            if rows:
                await connection.execute("delete from deliveries where delivery_id = ?", (delivery_id,))
                await connection.execute("delete from outbox where delivery_id = ?", (delivery_id,))
            await connection.execute("insert or ignore into forgotten (delivery_id) values (?)", (delivery_id,))
            await connection.execute(
                "delete from forgotten where arrival <= (select max(arrival) from forgotten) - ?", (MOST_FINISHED,)
            )

    async def is_forgotten(self, delivery_id: str) -> bool:
        """Whether this order was called off."""
        async with self._database.transaction() as connection:
            return bool(await connection.execute("select 1 from forgotten where delivery_id = ?", (delivery_id,)))

    async def next_received(self) -> Delivery | None:
        """The oldest delivery that is still to be applied."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                f"select {_COLUMNS} from deliveries where outcome = 'received' order by arrival limit 1"
            )
        return _delivery(rows[0]) if rows else None

    async def finish(
        self,
        delivery: Delivery,
        report: DeliveryReported,
        *,
        artifact: StoredArtifact | None = None,
        bindings: Mapping[str, str] | None = None,
    ) -> None:
        """Store a delivery's result with its report and, if it was applied, what it led to."""
        async with self._database.transaction() as connection:
            await _put_result(connection, delivery)
            if artifact is not None:
                await _put_artifact(connection, artifact)
            if bindings is not None:
                await _put_bindings(connection, bindings)
            await self._put_report(connection, report)

    async def report(self, report: DeliveryReported) -> None:
        """Put a report into the outbox; it replaces one of the same delivery that is still there."""
        async with self._database.transaction() as connection:
            await self._put_report(connection, report)

    async def artifacts(self) -> list[StoredArtifact]:
        """The version of each script that this node should run, and those that it should not run any more."""
        columns = "script_id, body, delivery_id, issued_at"
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                f"select {columns}, false from artifacts union all select {columns}, true from removals order by 1"
            )
        return [
            StoredArtifact(
                AppliedArtifact.model_validate_json(body),
                delivery_id,
                datetime.fromisoformat(issued_at),
                removed=bool(removed),
            )
            for _, body, delivery_id, issued_at, removed in rows
        ]

    async def bindings(self) -> dict[str, str]:
        """Which account plays which script."""
        async with self._database.transaction() as connection:
            rows = await connection.execute("select account_id, script_id from bindings")
        return {row[0]: row[1] for row in rows}

    async def pending_reports(self, most: int) -> list[PendingReport]:
        """Reports to publish, oldest first."""
        async with self._database.transaction() as connection:
            rows = await connection.execute("select message_id, body from outbox order by position limit ?", (most,))
        return [PendingReport(message_id, DeliveryReported.model_validate_json(body)) for message_id, body in rows]

    async def forget_report(self, message_id: str) -> None:
        """The broker has confirmed this report; one that took its place meanwhile stays."""
        async with self._database.transaction() as connection:
            await connection.execute("delete from outbox where message_id = ?", (message_id,))

    async def _put_report(self, connection: Connection, report: DeliveryReported) -> None:
        await connection.execute("delete from outbox where delivery_id = ?", (report.delivery_id,))
        await connection.execute(
            "insert into outbox (message_id, delivery_id, body) values (?, ?, ?)",
            (self._randomness.new_id(), report.delivery_id, report.model_dump_json()),
        )


async def _put_result(connection: Connection, delivery: Delivery) -> None:
    result = delivery.result
    await connection.execute("delete from deliveries where delivery_id = ?", (delivery.order.delivery_id,))
    await connection.execute(
        "insert into deliveries (delivery_id, body, outcome, tests_passed, cause, reason) values (?, ?, ?, ?, ?, ?)",
        (
            delivery.order.delivery_id,
            _without_content(delivery.order).model_dump_json(),
            outcome_of(delivery).value,
            isinstance(result, Applied) and result.tests_passed,
            result.cause if isinstance(result, Failed) else None,
            result.reason if isinstance(result, Failed) else None,
        ),
    )
    await connection.execute(
        "delete from deliveries where outcome <> 'received' and arrival <= (select max(arrival) from deliveries) - ?",
        (MOST_FINISHED,),
    )


def _without_content(order: Order) -> Order:
    # It is on the disk now, or of no use.
    return order.model_copy(update={"content": "", "url": None}) if isinstance(order, DeliverArtifact) else order


async def _note_newest(connection: Connection, order: Order) -> None:
    rows = await connection.execute("select issued_at from newest_orders where script_id = ?", (order.artifact.id,))
    if not rows or datetime.fromisoformat(rows[0][0]) < order.issued_at:
        await connection.execute(
            "insert or replace into newest_orders values (?, ?, ?)",
            (order.artifact.id, order.delivery_id, order.issued_at.isoformat()),
        )


async def _put_artifact(connection: Connection, stored: StoredArtifact) -> None:
    table, other = ("removals", "artifacts") if stored.removed else ("artifacts", "removals")
    await connection.execute(f"delete from {other} where script_id = ?", (stored.artifact.id,))
    await connection.execute(
        f"insert or replace into {table} values (?, ?, ?, ?)",
        (stored.artifact.id, stored.artifact.model_dump_json(), stored.delivery_id, stored.issued_at.isoformat()),
    )


async def _put_bindings(connection: Connection, bindings: Mapping[str, str]) -> None:
    await connection.execute("delete from bindings")
    for account_id, script_id in bindings.items():
        await connection.execute("insert into bindings values (?, ?)", (account_id, script_id))


def _delivery(row: Row) -> Delivery:
    body, outcome, tests_passed, cause, reason = row
    order = _ORDER.validate_json(body)
    match DeliveryOutcome(outcome):
        case DeliveryOutcome.RECEIVED:
            return Delivery(order)
        case DeliveryOutcome.APPLIED:
            return Delivery(order, Applied(bool(tests_passed)))
        case DeliveryOutcome.FAILED:
            return Delivery(order, Failed(FailureCause(cause) if cause else None, reason or ""))
