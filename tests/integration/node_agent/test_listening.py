"""What an account hears when Telegram makes it hard: nothing is lost, and nothing is kept that was not handed on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.node_agent.domain.telegram import FloodWait, Heard, IncomingMessage, TelegramConnection, Unanswered
from services.telegram_sandbox.faults import FloodWait as FloodFault
from services.telegram_sandbox.faults import LostAnswer, Mute, RpcFailure
from tests.contract.node_agent.telegram_worlds import ACCOUNT, SandboxWorld, username
from tests.support.waiting import until

DIFFERENCE, CHANNEL_DIFFERENCE = "updates.getDifference", "updates.getChannelDifference"


class Ear:
    """One account's connections, one after the other, and all that it hears."""

    def __init__(self, world: SandboxWorld) -> None:
        self.world = world
        self.heard: list[Heard] = []
        self._open: TelegramConnection | None = None

    async def connect(self) -> TelegramConnection:
        """Connect anew."""
        self._open = await self.world.telegram.connect(ACCOUNT, self.heard.append)
        return self._open

    async def leave(self) -> None:
        """End the connection and save, as the account's runner does."""
        if self._open is not None:
            await self._open.disconnect()
            await self._open.save(durable)
            self._open = None

    def texts(self) -> list[str]:
        """What was heard."""
        return [each.text for each in self.heard if isinstance(each, IncomingMessage)]

    async def hears(self, *texts: str, seconds: float = 20.0) -> None:
        """Exactly this is heard from now on, in any order of chats."""
        wanted = sorted(texts)
        await until(
            lambda: set(wanted) <= set(self.texts()), f"{texts[0]} and {len(texts) - 1} others are heard", seconds
        )
        assert sorted(self.texts()) == wanted
        self.heard.clear()


async def durable() -> None:
    """Everything is."""


@pytest.fixture
async def ear(tmp_path: Path) -> AsyncIterator[Ear]:
    """An account that has been there once, on a sandbox that keeps fifty messages for each chat."""
    world = await SandboxWorld.open(tmp_path, history=50)
    ear = Ear(world)
    await ear.connect()
    await world.guest_says("hello")
    await ear.hears("hello")
    await ear.leave()
    yield ear
    await ear.leave()
    await world.close()


async def test_a_message_in_hand_is_handed_on_when_the_connection_is_given_up(ear: Ear) -> None:
    """Its place in the updates was taken already: the next connection would not hear it again."""
    connection = await ear.connect()
    first = await ear.world.guest_says("first")
    await ear.hears("first")
    await ear.world.admin.inject(LostAnswer(method="channels.getMessages"))
    await ear.world.guest_says(f"@{username(ACCOUNT)} in doubt", first)
    await ear.world.guest_says("behind it")
    await until(lambda: _asked(ear.world), "the account asks whom the message answers")
    assert ear.heard == []
    await connection.save(durable)
    await ear.leave()
    await ear.hears(f"@{username(ACCOUNT)} in doubt")
    await ear.connect()
    await ear.hears("behind it")


async def test_more_than_the_server_still_lists_is_read_from_the_chats(ear: Ear) -> None:
    """After a busy absence the server gives up listing, and a library that stops there hears nothing of it."""
    world = ear.world
    group = await world.admin.add_chat("Wings", None, [world.guest_id, world.user_ids[ACCOUNT]], kind="group")
    for number in range(60):
        await world.guest_says(f"hall {number}")
        await world.admin.say(group.chat_id, world.guest_id, f"wings {number}")
        await world.guest_writes(ACCOUNT, f"private {number}")
    await ear.connect()
    kept = [f"{chat} {number}" for chat in ("hall", "wings", "private") for number in range(10, 60)]
    await ear.hears(*kept)
    await ear.leave()
    await world.guest_says("later")
    await ear.connect()
    await ear.hears("later")


async def test_a_group_that_the_account_came_to_while_away_is_heard(ear: Ear) -> None:
    """Its first messages would be missed: there is no place in its updates to go on from."""
    world = ear.world
    new = await world.admin.add_chat("New", "the_new_hall", [world.guest_id])
    await world.admin.add_members(new.chat_id, [world.user_ids[ACCOUNT]])
    await world.admin.say(new.chat_id, world.guest_id, "welcome")
    await ear.connect()
    await ear.hears("welcome")
    await world.admin.say(new.chat_id, world.guest_id, "and again")
    await ear.hears("and again")


async def test_a_group_that_the_account_was_put_out_of_does_not_deafen_it(ear: Ear) -> None:
    """An error in one chat's updates would end the hearing everywhere."""
    world = ear.world
    other = await world.admin.add_chat("Other", None, [world.guest_id, world.user_ids[ACCOUNT]])
    await ear.connect()
    await world.admin.say(other.chat_id, world.guest_id, "in the other")
    await ear.hears("in the other")
    await ear.leave()
    await world.admin.remove_member(other.chat_id, world.user_ids[ACCOUNT])
    await world.guest_says("in the hall")
    await ear.connect()
    await ear.hears("in the hall")


@pytest.mark.parametrize("method", [DIFFERENCE, CHANNEL_DIFFERENCE])
async def test_a_server_with_troubles_is_asked_again_over_the_same_connection(ear: Ear, method: str) -> None:
    """What was missed would come a quarter of an hour later, when Telethon asks next, or never."""
    await ear.world.guest_says("missed")
    await ear.world.admin.inject(RpcFailure(method=method, code=500, error="INTERNAL", times=1))
    await ear.connect()
    await ear.hears("missed")


async def test_news_that_could_not_be_fetched_are_asked_for_by_the_next_connection(ear: Ear) -> None:
    """The account's own date would have gone past them: the server would not name the chat any more."""
    await ear.world.guest_says("missed")
    await asyncio.sleep(1.1)  # the server compares whole seconds
    await ear.world.admin.inject(RpcFailure(method=CHANNEL_DIFFERENCE, code=500, error="INTERNAL"))
    connection = await ear.connect()
    await ear.world.guest_writes(ACCOUNT, "meanwhile, in private")
    await ear.hears("meanwhile, in private")
    await connection.save(durable)
    await ear.leave()
    await ear.world.admin.clear()
    await ear.connect()
    await ear.hears("missed", seconds=3.0)


async def test_a_wait_for_the_missed_updates_ends_the_connection(ear: Ear) -> None:
    """Telethon gives up silently: the operator would see an account online that has missed everything."""
    await ear.world.guest_says("missed")
    await ear.world.admin.inject(FloodFault(method=DIFFERENCE, seconds=30, times=1))
    connection = await ear.connect()
    trouble = await asyncio.wait_for(connection.ended(), 10)
    assert isinstance(trouble, FloodWait) and trouble.seconds == 30 and "updates.getDifference" in str(trouble)
    await ear.leave()
    await ear.connect()
    await ear.hears("missed")


async def test_a_server_that_falls_silent_while_it_is_asked_ends_the_connection(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account would wait for its missed updates for ever, and be shown as online."""
    monkeypatch.setattr("services.node_agent.telegram.listening.CALL_SECONDS", 0.5)
    await ear.world.guest_says("missed")
    await ear.world.admin.inject(LostAnswer(method=DIFFERENCE))
    connection = await ear.connect()
    assert isinstance(await asyncio.wait_for(connection.ended(), 10), Unanswered)
    await ear.leave()
    await ear.world.admin.clear()
    await ear.connect()
    await ear.hears("missed")


async def test_a_place_that_the_server_does_not_know_is_given_up_for_what_is_recent(ear: Ear) -> None:
    """A world that was set back would refuse the account's place for ever."""
    await ear.world.guest_writes(ACCOUNT, "missed")
    failure = RpcFailure(method=DIFFERENCE, code=400, error="PERSISTENT_TIMESTAMP_INVALID", times=1)
    await ear.world.admin.inject(failure)
    await ear.connect()
    await ear.hears("missed")
    await ear.world.guest_writes(ACCOUNT, "and now")
    await ear.hears("and now")


async def test_a_mute_server_is_found_by_the_probe(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that died without a word would be shown as online until the end of the day."""
    monkeypatch.setattr("services.node_agent.telegram.telethon_client.CALL_SECONDS", 0.5)
    connection = await ear.connect()
    await ear.world.admin.inject(Mute())
    with pytest.raises(Unanswered, match="did not answer in time"):
        await connection.probe()


async def _asked(world: SandboxWorld) -> bool:
    """Whether the fault was met: it has no other trace."""
    [fault] = await world.admin.faults()
    return fault.met > 0
