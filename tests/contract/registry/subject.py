"""A store under test: memory or PostgreSQL."""

from typing import Protocol

from sqlalchemy import text

from services.registry.domain.ports import FleetReader, FleetStore
from services.registry.store.in_memory import InMemoryStore
from services.registry.store.postgres import SCHEMA
from shared.clock import VirtualClock
from shared.contracts.catalogue import CONTRACT_BY_TYPE
from shared.contracts.contract import Contract
from shared.db import Database
from tests.support.node_keys import give_keys


class Store(FleetStore, FleetReader, Protocol):
    """Both ports on the same rows."""


class Subject:
    """A store under test, with a look into its outbox and a hand on its time."""

    def __init__(self, store: Store, database: Database | None, clock: VirtualClock | None) -> None:
        self.store = store
        self._database = database
        self._clock = clock

    async def take_sent(self) -> list[Contract]:
        """The messages in the outbox, which is empty afterwards."""
        if isinstance(self.store, InMemoryStore):
            sent = list(self.store.sent)
            self.store.sent.clear()
            return sent
        assert self._database is not None
        async with self._database.begin() as connection:
            rows = await connection.execute(text(f"delete from {SCHEMA}.outbox returning id, type, body"))
            found = sorted(rows, key=lambda row: row.id)
        return [CONTRACT_BY_TYPE[row.type].model_validate_json(row.body) for row in found]

    async def enrol(self, node_id: str, sealing_key: str) -> None:
        """Give a node the key that logins are sealed to, as joining does."""
        if isinstance(self.store, InMemoryStore):
            self.store.enrol(node_id, sealing_key)
            return
        assert self._database is not None
        async with self._database.begin() as connection:
            await give_keys(connection, node_id, sealing_key)

    async def pass_time(self, seconds: float) -> None:
        """Let leases and history grow older."""
        if self._clock is not None:
            await self._clock.run_for(seconds)
            return
        assert self._database is not None
        async with self._database.begin() as connection:
            age = f"interval '{seconds} seconds'"
            ends = f"lease_until = lease_until - {age}, held_until = held_until - {age}"
            await connection.execute(text(f"update {SCHEMA}.nodes set {ends}"))
            await connection.execute(text(f"update {SCHEMA}.account_changes set recorded_at = recorded_at - {age}"))
            await connection.execute(text(f"update {SCHEMA}.account_counts set hour = hour - {age}"))
