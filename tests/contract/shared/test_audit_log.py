"""The audit log, in PostgreSQL and in memory: whatever is said here holds for both; what only a database can, below."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.audit.chain import Broken, Entry, Head, Phase, Row, Walk
from shared.audit.log import AuditLog, InMemoryAuditLog, Question
from shared.audit.postgres import PostgresAuditLog
from shared.clock import VirtualClock
from shared.db import Database, new_engine

OLDEST = Question(newest_first=False)
ENTRY = Entry(
    phase=Phase.INTENT,
    request_id="r1",
    actor="ana",
    role="operator",
    method="POST",
    route="/things/{thing}",
    path="/things/7",
    subject={"thing": "鍵 'x' \"y\" \\"},
    fields={"z": 1, "a": [True, None, "b"], "big": 2**53 - 1},
)
OUTCOME = replace(ENTRY, phase=Phase.OUTCOME, status=201, body_hash="hmac-sha256:00", address="192.0.2.1")
STRANGER = replace(ENTRY, phase=Phase.SIGN_IN, actor="nobody", role=None, status=401, problem="not-signed-in")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of its own."""
    opened = Database(new_engine(database_url, application="test"))
    yield opened
    await opened.close()


@pytest.fixture(params=["in_memory", "postgres"])
def log(request: pytest.FixtureRequest) -> AuditLog:
    """One of the two, empty."""
    if request.param == "in_memory":
        return InMemoryAuditLog("registry", VirtualClock())
    return PostgresAuditLog("registry", request.getfixturevalue("database"))


async def test_what_is_read_is_what_was_written_and_the_chain_holds(log: AuditLog) -> None:
    """A row that comes back in another form would look tampered with."""
    written = [await log.write(entry) for entry in (ENTRY, OUTCOME, STRANGER)]
    assert [row.number for row in written] == [1, 2, 3]
    assert await log.page(OLDEST, 10) == written
    walk = Walk()
    assert walk.on(await log.page(OLDEST, 10)) is None
    assert walk.head == Head(3, written[-1].hash)
    assert {row.service for row in written} == {"registry"}


async def test_writers_at_the_same_time_make_one_chain(log: AuditLog) -> None:
    """Two rows after the same one would be a fork that no verification forgives."""
    await asyncio.gather(*(log.write(replace(ENTRY, request_id=f"r{number}")) for number in range(40)))
    rows = await log.page(OLDEST, 100)
    assert len(rows) == 40
    assert Walk().on(rows) is None


async def test_pages_go_either_way_and_filters_hold(log: AuditLog) -> None:
    """A deed would be missing from the answer to 'what did ana do'."""
    first, second, third = [await log.write(entry) for entry in (ENTRY, OUTCOME, STRANGER)]
    assert await log.page(Question(), 2) == [third, second]
    assert await log.page(Question(place=2), 2) == [first]
    assert await log.page(Question(newest_first=False, place=2), 2) == [third]
    assert await log.page(Question(actor="nobody"), 9) == [third]
    assert await log.page(Question(phase=Phase.OUTCOME, request_id="r1"), 9) == [second]
    assert await log.page(Question(since=third.at + timedelta(seconds=1)), 9) == []
    assert len(await log.page(Question(since=first.at), 9)) == 3


@pytest.fixture
async def rows(database: Database) -> list[Row]:
    """Five rows in PostgreSQL."""
    log = PostgresAuditLog("registry", database)
    return [await log.write(replace(ENTRY, request_id=f"r{number}")) for number in range(5)]


@pytest.mark.parametrize(
    "statement",
    ["update registry.audit set actor = 'bob'", "delete from registry.audit", "truncate registry.audit"],
)
async def test_the_database_takes_nothing_back(database: Database, rows: list[Row], statement: str) -> None:
    """A bug, or a hurried hand in psql, could erase the log."""
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.begin() as connection:
            await connection.execute(text(statement))
    assert await PostgresAuditLog("registry", database).page(OLDEST, 9) == rows


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("update registry.audit set actor = 'bob' where number = 3", 3),
        ("update registry.audit set at = at + interval '1 microsecond' where number = 1", 1),
        ("update registry.audit set fields = '{}' where number = 5", 5),
        ("delete from registry.audit where number = 2", 2),
        ("update registry.audit set number = 9 where number = 5", 5),
    ],
)
async def test_who_switches_the_trigger_off_is_found_out(
    database: Database, rows: list[Row], statement: str, broken: int
) -> None:
    """The database's superuser can do everything but do it unseen."""
    async with database.begin() as connection:
        await connection.execute(text("alter table registry.audit disable trigger append_only"))
        await connection.execute(text(statement))
    found = Walk().on(await PostgresAuditLog("registry", database).page(OLDEST, 9))
    assert isinstance(found, Broken) and found.number == broken


async def test_each_service_has_its_own_chain(database: Database) -> None:
    """A row of one could be moved to the other."""
    registry, deployer = PostgresAuditLog("registry", database), PostgresAuditLog("deployer", database)
    one, other = await registry.write(ENTRY), await deployer.write(ENTRY)
    assert (one.number, other.number, one.hash != other.hash) == (1, 1, True)
