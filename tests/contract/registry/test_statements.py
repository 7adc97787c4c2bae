"""What assignments cost the intake: a batch of hundreds of beats asks the database no more than a batch of one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from services.registry.domain.lease import Granted
from services.registry.store.postgres import SCHEMA, PostgresStore
from services.registry.use_cases.intake_health import IntakeHealth
from services.registry.use_cases.record_heartbeats import RecordHeartbeats
from services.registry.use_cases.settle_reports import SettleReports
from shared.clock import VirtualClock
from shared.contracts.assignments import AssignmentSet, ReleasedAccount, assignments_digest
from shared.contracts.heartbeats import HeartbeatReported
from shared.db import Database, Outbox, new_engine
from shared.randomness import SystemRandomness
from tests.unit.registry.builders import PATIENCE, account, beat

NODES, ACCOUNTS = 200, 5
NOTHING = AssignmentSet(revision=0, digest=assignments_digest([], []))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The real one."""
    database = Database(new_engine(database_url, application="test"))
    yield database
    await database.close()


@pytest.fixture
def record(database: Database) -> RecordHeartbeats:
    """The intake."""
    store, clock = PostgresStore(database, Outbox(SCHEMA, SystemRandomness())), VirtualClock()
    health = IntakeHealth(clock, lambda: True, lambda: 0)
    return RecordHeartbeats(store, health, SettleReports(PATIENCE), clock, 30, lambda: None)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(*given: Any) -> None:
        sent.append(given[2])

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def beats(seq: int, **told: Any) -> list[HeartbeatReported]:
    """A beat of each node, with all accounts of its folder."""
    return [
        beat(seq, *(account(f"a{node}-{each}", epoch=0) for each in range(ACCOUNTS)), node_id=f"n{node:03}", **told)
        for node in range(NODES)
    ]


async def test_a_batch_of_hundreds_costs_a_few_statements(record: RecordHeartbeats, database: Database) -> None:
    """Ten thousand nodes would ask the database about each of their accounts, with every beat."""
    with counted(database) as first:
        outcomes = await record(beats(1, assignments=NOTHING))
    named = {each.grant.node_id: each.grant.assignments for each in outcomes if isinstance(each, Granted)}
    with counted(database) as usual:
        await record([each.model_copy(update={"assignments": named[each.node_id]}) for each in beats(2)])
    with counted(database) as given_back:
        word = [ReleasedAccount(account_id="a0-0", epoch=0)]
        await record(beats(3, assignments=NOTHING, released=word))
    assert len(usual) == 4, "lock the nodes, save them, write and remove accounts; nothing of assignments"
    assert len(first) <= len(usual) + 12, "make rows, lock them, save them, read and save the sets, tell it"
    assert len(given_back) <= len(usual) + 4, "find the targets, lock the rows, read the sets that are lacking"
