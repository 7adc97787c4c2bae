"""A whole agent in virtual time: in-memory bus, Telegram, files and ledger, and a model of the registry."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from services.node_agent.domain.deadman import NoTimer
from services.node_agent.store.database import Connection, InlineConnection, Row
from services.node_agent.store.session_files import InMemorySessions
from services.node_agent.telegram.in_memory import InMemoryTelegram
from shared.clock import VirtualClock
from shared.randomness import SeededRandomness
from tests.support.agent.model_vault import ModelVault
from tests.support.agent.surroundings import Brought, Surroundings

CHAT = -1001
GUEST = 900
# The first account of a world; the others follow.
ANNA = 100
# Long enough for the first beat, its lease and the first connections.
BEGINNING = 5.0


class LastingConnection(InlineConnection):
    """A ledger that outlives its agent, for tests that start a second one. `away`: as on a disk that is full."""

    away = False

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement, if the disk is there."""
        if self.away and sql.startswith("begin"):
            raise sqlite3.OperationalError("disk I/O error")
        return await super().execute(sql, parameters)

    async def close(self) -> None:
        """Leave an open transaction as a crash does, and keep the rest."""
        self._connection.rollback()


class World(Surroundings):
    """The agent's surroundings with a chat in which a guest meets its accounts. `clock.run_for` makes things happen.

    Accounts have their logins in the session folder; `elsewhere` are accounts whose logins only the vault has.
    """

    def __init__(self, *account_ids: str, elsewhere: Sequence[str] = ()) -> None:
        self.clock = VirtualClock()
        self.telegram = InMemoryTelegram(self.clock)
        self.sessions = InMemorySessions(*account_ids)
        self.ledger = LastingConnection()
        self.timer = NoTimer()
        brought = Brought(
            telegram=self.telegram.at,
            sessions=self.sessions,
            open_ledger=self._open_ledger,
            clock=self.clock,
            randomness=SeededRandomness(7),
            beat=10.0,
            timer=self.timer,
        )
        super().__init__(brought)
        self.telegram.add_guest(GUEST, "Gast")
        users = {account_id: ANNA + number for number, account_id in enumerate((*account_ids, *elsewhere))}
        for account_id, user_id in users.items():
            self.telegram.add_account(account_id, user_id)
        self.telegram.add_chat(CHAT, "Demo_Chat", GUEST, *users.values())

    def assigning(self) -> ModelVault:
        """From now on the registry assigns accounts; the vault has the logins that are in no folder."""
        vault = self.registry.vault = ModelVault(self.clock, urls=self.downloads.content)
        return vault

    @asynccontextmanager
    async def online(self) -> AsyncIterator[None]:
        """An agent whose accounts are online."""
        async with self.running():
            await self.clock.run_for(BEGINNING)
            yield

    @asynccontextmanager
    async def playing(self, text: str, number: int = 1, /, **changes: Any) -> AsyncIterator[None]:
        """An agent whose accounts are online and play a script; see `order`."""
        async with self.running():
            await self.deliver(text, number, **changes)
            await self.clock.run_for(BEGINNING)
            yield

    def registry_falls_silent(self) -> None:
        """No beat is answered any more."""
        self.registry.granting = False

    def registry_answers(self) -> None:
        """Beats are answered again."""
        self.registry.granting = True

    def say(self, text: str, guest: int = GUEST) -> None:
        """The guest speaks."""
        self.telegram.say(CHAT, guest, text)

    def replies(self) -> list[str]:
        """What accounts have said."""
        return [said.text for said in self.telegram.said if said.sender_id != GUEST]

    def status_of(self, account_id: str) -> str:
        """What the registry has of an account."""
        return self.registry.accounts[account_id].status.value

    def reason_of(self, account_id: str) -> str:
        """The reason that the registry has of an account's state."""
        return self.registry.accounts[account_id].status_reason or ""

    async def _open_ledger(self) -> Connection:
        return self.ledger


def with_vault(*account_ids: str) -> tuple[World, ModelVault]:
    """A world whose accounts are the vault's, assigned to the node in epoch 1."""
    world = World(elsewhere=account_ids)
    vault = world.assigning()
    for account_id in account_ids:
        vault.put(account_id)
        vault.assign(account_id, 1)
    return world, vault
