"""Both stores of the deployer: whatever the contract suite says holds in PostgreSQL and in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from services.deployer.domain.ports import Store
from services.deployer.store.in_memory import InMemoryStore
from services.deployer.store.postgres import SCHEMA, PostgresStore
from shared.contracts.catalogue import CONTRACT_BY_TYPE
from shared.contracts.contract import Contract
from shared.db import Database, Outbox, new_engine
from shared.randomness import SystemRandomness


@dataclass
class Side:
    """A store, how often it said that something was announced, and what is in its outbox."""

    store: Store
    rings: list[None]
    announced: Callable[[], Awaitable[list[Contract]]]


@pytest.fixture(params=["memory_side", "postgres_side"])
def side(request: pytest.FixtureRequest) -> Side:
    """One of the two stores, empty."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Side)
    return found


@pytest.fixture
async def memory_side() -> Side:
    """The twin."""
    rings: list[None] = []
    memory = InMemoryStore(lambda: rings.append(None))

    async def announced() -> list[Contract]:
        return list(memory.announced)

    return Side(memory, rings, announced)


@pytest.fixture
async def postgres_side(database_url: str) -> AsyncIterator[Side]:
    """PostgreSQL, in a fresh database."""
    rings: list[None] = []
    database = Database(new_engine(database_url, application="test"))
    store = PostgresStore(database, Outbox(SCHEMA, SystemRandomness()), lambda: rings.append(None))

    async def announced() -> list[Contract]:
        async with database.begin() as connection:
            rows = await connection.execute(text("select type, body from deployer.outbox order by id"))
            return [CONTRACT_BY_TYPE[row.type].model_validate_json(row.body) for row in rows]

    yield Side(store, rings, announced)
    await database.close()
