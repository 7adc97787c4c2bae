"""The newest states of logins on their way to the vault, while they run and when the agent ends; the whole agent."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from services.node_agent.domain.logins import Login, state_of
from services.node_agent.store.database import Database, InlineConnection
from services.node_agent.store.handed_back import SqliteHandedBack
from services.node_agent.store.logins import Logins
from services.node_agent.store.session_files import InMemorySessions
from services.node_agent.use_cases.hand_back import KEPT_AT_ONCE, HandBack
from services.node_agent.use_cases.sealing_logins import LoginSealer
from shared.clock import VirtualClock
from shared.contracts.identifiers import content_hash
from shared.contracts.sessions import SessionStored
from tests.component.node_agent.virtual_agent import GUEST, with_vault
from tests.support.agent.orders import NODE, script
from tests.support.agent.trusting import SIGNER, trust_of

T = TypeVar("T")


async def test_changed_logins_are_handed_back_now_and_then_while_they_run() -> None:
    """Whoever takes over from a node that burns down would begin with the login of last month."""
    world, vault = with_vault("anna")
    async with world.online():
        for _ in range(20):
            world.telegram.write(GUEST, "anna", "hello")
            await world.clock.run_for(30)
        assert 5 <= len(vault.synced) <= 11
        numbers = [(state.epoch, state.boot, state.number) for state in vault.synced]
        assert numbers == sorted(set(numbers)) and not any(state.final for state in vault.synced)
        stored = [content_hash(content) for content in vault.versions["anna"]]
        assert world.registry.accounts["anna"].session_hash in stored[-2:]


async def test_a_state_is_handed_back_until_the_vault_has_it_over_restarts_too() -> None:
    """The newest login would be lost with a vault that was away at the wrong moment."""
    world, vault = with_vault("anna")
    vault.storing = False
    async with world.playing(script("hi")):
        world.say("/hello")
        await world.clock.run_for(15)
        vault.assign("anna", 1, release=True)
        await world.clock.run_for(120)
        assert 2 <= len({state.number for state in vault.synced}) + len(vault.synced) <= 8
        told = vault.synced[-1]
    vault.synced.clear()
    vault.storing = True
    async with world.running():
        await world.clock.run_for(30)
        assert [state.model_dump() for state in vault.synced] == [told.model_dump()]
        assert [(each.epoch, each.session_hash) for each in vault.released] == [(1, told.hash)]
        await world.clock.run_for(600)
        assert len(vault.synced) == 1


async def test_an_agent_that_is_stopped_hands_back_what_is_newer_and_gets_it_again() -> None:
    """Every restart of an agent would set its accounts back to what was handed back last."""
    world, vault = with_vault("anna")
    async with world.playing(script("hi")):
        world.say("/hello")
        await world.clock.run_for(3)
        assert vault.synced == []
    await world.clock.run_for(1)
    assert [(state.final, state.epoch) for state in vault.synced] == [(True, 1)]
    async with world.running():
        await world.clock.run_for(15)
        assert world.status_of("anna") == "online" and world.registry.accounts["anna"].session_file == "vault:2"
        assert world.registry.accounts["anna"].message_count == 1
        assert world.replies() == ["hi"]


async def test_a_word_of_the_vault_for_another_state_leaves_the_newest_waiting() -> None:
    """What was handed back last would be forgotten because an earlier state has arrived."""
    world, vault = with_vault("anna")
    vault.storing = False
    async with world.online():
        world.telegram.write(GUEST, "anna", "hello")
        await world.clock.run_for(200)
        first = vault.synced[0]
        world.telegram.write(GUEST, "anna", "hello again")
        await world.clock.run_for(200)
        stored = SessionStored(node_id=NODE, account_id="anna", epoch=1, hash=first.hash, stored_at=world.clock.now())
        before = len(vault.synced)
        await world.bus.publish(SIGNER.sign(stored))
        await world.clock.run_for(700)
        assert len(vault.synced) > before and vault.synced[-1].hash != first.hash


async def test_what_was_sealed_in_the_time_at_the_end_is_kept() -> None:
    """Of thousands of logins nothing would be handed back, because the last one was not sealed in time."""
    logins, database, asked = Logins(), Database(InlineConnection()), 0
    await database.prepare()

    async def slower_and_slower(function: Callable[..., T], *arguments: Any) -> T:
        nonlocal asked
        asked += 1
        if asked > KEPT_AT_ONCE + 20:
            await asyncio.Event().wait()
        return function(*arguments)

    for number in range(KEPT_AT_ONCE + 50):
        login, content = Login(1, 1, content_hash(b"before")), f"a login {number}".encode()
        logins.keep(f"actor-{number}", login, state_of(b"before"))
        await logins.write(f"actor-{number}", content, login.file)
    clock, ledger = VirtualClock(), SqliteHandedBack(database)
    sealer = LoginSealer(trust_of(NODE, clock), 1, slower_and_slower, clock)
    ending = asyncio.create_task(HandBack(logins, InMemorySessions(), ledger, sealer, bytes).everything())
    await clock.run_for(1)
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)
    assert len(await ledger.pending()) == KEPT_AT_ONCE
