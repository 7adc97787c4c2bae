"""Both stores behind one fixture: whatever a test says holds for memory and for PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from services.registry.domain.ports import Transaction
from services.registry.store.in_memory import InMemoryStore
from services.registry.store.postgres import SCHEMA, PostgresStore
from shared.clock import VirtualClock
from shared.db import Database, Outbox, new_engine
from shared.randomness import SystemRandomness
from tests.contract.registry.office import Office
from tests.contract.registry.subject import Subject


@pytest.fixture
def in_memory() -> Subject:
    """The twin, empty."""
    clock = VirtualClock()
    return Subject(InMemoryStore(clock), None, clock)


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[Subject]:
    """The real store, empty."""
    database = Database(new_engine(database_url, application="test"))
    yield Subject(PostgresStore(database, Outbox(SCHEMA, SystemRandomness())), database, None)
    await database.close()


@pytest.fixture(params=["in_memory", "postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    """One of the two stores; asked for by name, so that the in-memory half waits for no server."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Subject)
    return found


@pytest.fixture
async def transaction(subject: Subject) -> AsyncIterator[Transaction]:
    """A transaction in which node `n` is locked."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        yield transaction


@pytest.fixture
def office(subject: Subject) -> Office:
    """The use cases of assignments on the store under test."""
    return Office(subject)
