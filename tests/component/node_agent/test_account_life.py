"""An account's life between connections, in virtual time: outages, waits, doubts, and what survives a restart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from services.node_agent.domain.accounts import SessionFile
from services.node_agent.domain.telegram import (
    FloodWait,
    OnMessage,
    Refused,
    ServerTrouble,
    SuspectLogin,
    TelegramTrouble,
    Unanswered,
    Unreachable,
)
from services.node_agent.store.session_files import InMemorySessions
from services.node_agent.telegram.in_memory import InMemoryConnection, InMemoryTelegram
from tests.component.node_agent.virtual_agent import World
from tests.support.agent.orders import NODE, script

MANY = [f"actor-{number}" for number in range(100)]


@pytest.fixture
async def crowd() -> AsyncIterator[World]:
    """A hundred accounts in one chat."""
    crowd = World(*MANY)
    yield crowd
    await crowd.close()


def connects(world: World) -> int:
    """How often Telegram was tried."""
    return sum(world.telegram.connects.values())


def online(world: World) -> int:
    """How many accounts are online."""
    return sum(row.status == "online" for row in world.registry.accounts.values())


async def test_an_outage_is_no_storm_and_its_end_is_noticed_by_all_in_seconds(crowd: World) -> None:
    """A thousand accounts that each try for themselves drown a returning server, or come back minutes after it."""
    async with crowd.running():
        await crowd.clock.run_for(30)
        assert online(crowd) == len(MANY)
        before = connects(crowd)
        crowd.telegram.go_away()
        await crowd.clock.run_for(600)
        tried = connects(crowd) - before
        assert 150 < tried < 600 / 2, "about once in three seconds, whoever's turn it is"
        crowd.telegram.come_back()
        await crowd.clock.run_for(5)
        assert len([each for each in MANY if crowd.telegram.connected(each)]) == len(MANY)
        assert connects(crowd) - before - tried == len(MANY)


async def test_a_node_that_starts_in_an_outage_takes_turns_too(crowd: World) -> None:
    """The first try of each account at once would be the storm that the turns are there to avoid."""
    crowd.telegram.go_away()
    async with crowd.running():
        await crowd.clock.run_for(60)
        assert connects(crowd) < 60
        crowd.telegram.come_back()
        await crowd.clock.run_for(5)
        assert len([each for each in MANY if crowd.telegram.connected(each)]) == len(MANY)


async def test_one_account_whose_server_is_away_is_tried_every_few_seconds(world: World) -> None:
    """A back-off that grows to a minute would leave it away for a minute after the server's return."""
    async with world.online():
        world.telegram.connect_troubles["anna"].extend([Unreachable("no connection")] * 1000)
        world.telegram.drop("anna")
        await world.clock.run_for(300)
        assert 60 < world.telegram.connects["anna"] < 160
        world.telegram.connect_troubles["anna"].clear()
        await world.clock.run_for(5)
        assert world.status_of("anna") == "online" and world.telegram.connects["bert"] == 1
        assert world.registry.statuses("anna")[-2:] == ["connecting", "online"]


@pytest.mark.parametrize("trouble", [Refused("API_ID_INVALID: no"), ServerTrouble("trouble of its own")])
async def test_a_server_that_answers_no_is_asked_more_and_more_slowly(world: World, trouble: TelegramTrouble) -> None:
    """Asking a server that has answered every second changes nothing but its temper."""
    world.telegram.connect_troubles["anna"].extend([trouble] * 1000)
    async with world.running():
        await world.clock.run_for(600)
        assert 10 < world.telegram.connects["anna"] < 25
        assert str(trouble)[1:] in world.reason_of("anna")
        assert world.status_of("bert") == "online"


async def test_a_line_that_is_cut_now_and_then_is_made_again_at_once(world: World) -> None:
    """A bad line is no reason to be away for a minute after each cut."""
    async with world.online():
        for _ in range(20):
            world.telegram.drop("anna")
            await world.clock.run_for(2)
            assert world.telegram.connected("anna")
            await world.clock.run_for(40)


async def test_a_wait_is_waited_out_across_a_restart(world: World) -> None:
    """A new process that asks at once has not obeyed."""
    world.telegram.connect_troubles["anna"].append(FloodWait(300, "FLOOD_WAIT for users.getUsers"))
    async with world.running():
        await world.clock.run_for(10)
        assert world.status_of("anna") == "waiting"
    async with world.running():
        await world.clock.run_for(280)
        row = world.registry.accounts["anna"]
        assert row.status == "waiting" and "users.getUsers" in (row.status_reason or "")
        assert world.telegram.connects["anna"] == 1 and world.status_of("bert") == "online"
        await world.clock.run_for(30)
        assert world.status_of("anna") == "online" and world.telegram.connects["anna"] == 2


async def test_a_wait_is_waited_out_even_when_the_connection_ends_meanwhile(world: World) -> None:
    """Telegram told the whole account to wait; connecting anew asks it several things."""
    async with world.playing(script("hi"), bind=["anna"]):
        world.telegram.send_troubles["anna"].append(FloodWait(100, "FLOOD_WAIT for messages.sendMessage"))
        world.say("/hello")
        await world.clock.run_for(10)
        world.telegram.drop("anna")
        await world.clock.run_for(60)
        assert world.status_of("anna") == "waiting" and world.telegram.connects["anna"] == 1
        await world.clock.run_for(60)
        assert world.status_of("anna") == "online" and world.replies() == ["hi"]


@pytest.mark.parametrize(("seconds", "least", "most"), [(30, 9, 13), (500, 2, 3)])
async def test_a_wait_for_the_probe_alone_is_no_news_and_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, seconds: float, least: int, most: int
) -> None:
    """It keeps nobody from anything, and shows that login and connection live; who asks on meanwhile is limited."""
    asked: list[str] = []

    async def probe(connection: InMemoryConnection) -> None:
        asked.append(connection._account_id)
        raise FloodWait(seconds, "FLOOD_WAIT for updates.getState")

    monkeypatch.setattr(InMemoryConnection, "probe", probe)
    async with world.running():
        await world.clock.run_for(1200)
        assert world.registry.statuses("anna") == ["stopped", "connecting", "online"]
        assert least <= asked.count("anna") <= most


async def test_a_connection_that_no_longer_answers_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account would be shown as online for as long as nobody cuts the dead line."""
    mute = True

    async def probe(connection: InMemoryConnection) -> None:
        if mute and connection._account_id == "anna":
            raise Unanswered("Telegram did not answer in time")

    monkeypatch.setattr(InMemoryConnection, "probe", probe)
    async with world.running():
        await world.clock.run_for(65)
        mute = False
        assert "connecting" in world.registry.statuses("anna")[2:]
        await world.clock.run_for(10)
        assert world.status_of("anna") == "online" and world.telegram.connects == {"anna": 2, "bert": 1}


async def test_an_account_that_loses_a_cancellation_is_cancelled_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries do lose them; an account that lives on after the lease may be live on two nodes."""
    monkeypatch.setattr("services.node_agent.jobs.crew.END_SECONDS", 0.05)
    connect, losses = InMemoryTelegram.connect, iter([True, True])

    async def losing(telegram: InMemoryTelegram, account_id: str, on_message: OnMessage) -> InMemoryConnection:
        while account_id == "anna" and next(losses, False):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return await connect(telegram, account_id, on_message)

    monkeypatch.setattr(InMemoryTelegram, "connect", losing)
    async with world.online():
        assert not world.telegram.connected("anna") and world.telegram.connected("bert")
    assert not world.telegram.connected("anna") and not world.telegram.connected("bert")


async def test_nobody_starts_in_the_place_of_an_account_that_is_still_leaving(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the next lease comes while connections of the last one are closing, an account would be live twice.

    Those that were quicker would be shown as stopped, although they were started again.
    """
    disconnect = InMemoryConnection.disconnect

    async def slowly(connection: InMemoryConnection) -> None:
        if connection._account_id == "anna":
            await world.clock.sleep(20)
        await disconnect(connection)

    monkeypatch.setattr("services.node_agent.jobs.crew.END_SECONDS", 600.0)
    monkeypatch.setattr(InMemoryConnection, "disconnect", slowly)
    async with world.online():
        world.registry.granting = False
        await world.clock.run_for(30)
        world.registry.granting = True
        await world.clock.run_for(30)
        for account_id in ("anna", "bert"):
            gone_and_back = ["stopped", "connecting", "online"]
            assert world.registry.statuses(account_id) == gone_and_back * 2
            assert world.telegram.connects[account_id] == 2
        monkeypatch.undo()


async def test_doubts_are_forgotten_when_the_key_is_known_again(world: World) -> None:
    """Six doubts spread over a year are no dead login."""
    async with world.running():
        for _ in range(4):
            await world.clock.run_for(100)
            world.telegram.connect_troubles["anna"].extend([SuspectLogin("-404: unknown key")] * 3)
            world.telegram.drop("anna")
        await world.clock.run_for(100)
        assert world.status_of("anna") == "online"
        reasons = world.registry.reasons("anna", "connecting")
        assert any("Callboard asks a few more times" in reason for reason in reasons)


async def test_who_may_not_connect_waits_for_whoever_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that asks on without a pause keeps the whole agent from everything, from stopping it too."""
    world, asked = World("anna"), 0
    vault = world.assigning()
    vault.assign("anna", 0)

    def data_centre(account_id: str) -> int:
        nonlocal asked
        asked += 1
        assert asked < 1000, "it asks on and on"
        return 2

    async def slow() -> dict[str, SessionFile]:
        await world.clock.sleep(30)
        return await InMemorySessions.present(world.sessions)

    monkeypatch.setattr(world.telegram, "data_centre", data_centre)
    async with world.online():
        monkeypatch.setattr(world.sessions, "present", slow)
        await world.clock.run_for(5)
        world.telegram.drop("anna")
        vault.unassign("anna")
        await world.bus.publish(vault.order(NODE))
        await world.clock.run_for(60)
        assert world.telegram.connects == {"anna": 1}
        assert world.status_of("anna") == "stopped"
        assert not [reason for reason in world.registry.reasons("anna", "connecting") if "mistake" in reason]
