"""The outbox of a service whose replicas are not all of one version, on a real database."""

import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from services.registry.store.postgres import SCHEMA
from shared.clock import SystemClock
from shared.contracts.contract import Contract
from shared.contracts.fleet import AccountsChanged
from shared.db import Database, Outbox, OutboxRelay, new_engine
from shared.randomness import SystemRandomness
from tests.unit.registry.builders import AT


class Sent:
    """A bus that takes everything."""

    def __init__(self) -> None:
        self.messages: list[Contract] = []

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Take it."""
        self.messages.append(message)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The registry's, empty."""
    database = Database(new_engine(database_url, application="test"))
    yield database
    await database.close()


@pytest.mark.parametrize(
    ("type_name", "body"),
    [("node.of-a-later-version.v1", {}), (AccountsChanged.TYPE, {"node_id": "n", "accounts": "of a later form"})],
)
async def test_a_message_of_a_newer_replica_is_left_for_it(
    database: Database, type_name: str, body: dict[str, object]
) -> None:
    """A rolling update would end every replica of before at the first new message, and hold up all others."""
    outbox, bus = Outbox(SCHEMA, SystemRandomness()), Sent()
    insert = text(f"insert into {SCHEMA}.outbox (message_id, type, body) values ('m', :type, :body)")
    ours = AccountsChanged(node_id="n", at=AT)
    async with database.begin() as connection:
        await connection.execute(insert, {"type": type_name, "body": json.dumps(body)})
        await outbox.add(connection, [ours])
    relay = OutboxRelay(SCHEMA, database, bus, SystemClock(), SystemRandomness())
    assert await relay.relay_once() is False
    assert await relay.relay_once() is False
    assert bus.messages == [ours]
    async with database.begin() as connection:
        left = (await connection.execute(text(f"select type from {SCHEMA}.outbox"))).scalars().all()
    assert list(left) == [type_name]
