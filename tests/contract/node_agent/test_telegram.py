"""The Telegram port's contract, held by Telethon on the real sandbox and by the twin in memory."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.node_agent.domain.telegram import (
    ChatForbidden,
    DeadLogin,
    FloodWait,
    IncomingMessage,
    Limited,
    SuspectLogin,
    TelegramConnection,
    Unreachable,
    UnusableSession,
)
from tests.contract.node_agent.telegram_worlds import ACCOUNT, OTHER, USERNAME, World, open_world
from tests.support.waiting import until


@pytest.fixture(params=["twin", "telethon"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A chat with two accounts and a guest."""
    opened = await open_world(request.param, tmp_path)
    yield opened
    await opened.close()


class Stage:
    """Connects accounts and keeps what they hear."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.heard: dict[str, list[IncomingMessage]] = {ACCOUNT: [], OTHER: []}
        self.open: list[TelegramConnection] = []

    async def connect(self, account_id: str = ACCOUNT) -> TelegramConnection:
        """A live login."""
        connection = await self.world.telegram.connect(account_id, self.heard[account_id].append)
        self.open.append(connection)
        return connection

    def texts(self, account_id: str = ACCOUNT) -> list[str]:
        """What the account has heard."""
        return [message.text for message in self.heard[account_id]]


@pytest.fixture
async def stage(world: World) -> AsyncIterator[Stage]:
    """The stage, whose connections end with the test."""
    stage = Stage(world)
    yield stage
    for connection in stage.open:
        await connection.disconnect()


async def test_a_guest_is_heard_with_everything_a_script_needs(stage: Stage) -> None:
    """A script could not tell who spoke, where, or what to reply to."""
    connection = await stage.connect()
    message_id = await stage.world.guest_says("good evening")
    await until(lambda: stage.texts() == ["good evening"], "the message")
    [message] = stage.heard[ACCOUNT]
    assert (message.chat_id, message.sender_id) == (stage.world.chat_id, stage.world.guest_id)
    assert (message.chat_username or "").lower() == USERNAME and not message.private
    assert (message.sender_name, message.message_id) == ("Gil", message_id)
    assert message.at.tzinfo is not None
    assert connection.user_id == stage.world.user_ids[ACCOUNT]


@pytest.mark.parametrize("by_name", [True, False])
async def test_what_is_sent_is_in_the_chat_and_not_heard_by_its_sender(stage: Stage, by_name: bool) -> None:
    """Replies would be lost, or an account would answer itself."""
    connection = await stage.connect()
    await stage.connect(OTHER)
    asked = await stage.world.guest_says("a question")
    await until(lambda: stage.texts() == ["a question"], "the question")
    await connection.send(f"@{USERNAME}" if by_name else stage.world.chat_id, "an *answer*", asked)
    await until(lambda: stage.texts(OTHER) == ["a question", "an *answer*"], "the answer")
    assert (stage.world.user_ids[ACCOUNT], "an *answer*", asked) in await stage.world.texts()
    assert stage.texts() == ["a question"]


async def test_a_cut_connection_is_told_and_what_was_missed_is_heard(stage: Stage) -> None:
    """A cut that nobody notices leaves an account deaf; what was said meanwhile would be lost."""
    first = await stage.connect()
    await stage.world.guest_says("before")
    await until(lambda: stage.texts() == ["before"], "the first message")
    await stage.world.drop(ACCOUNT)
    trouble = await asyncio.wait_for(first.ended(), 10)
    assert isinstance(trouble, Unreachable)
    await first.disconnect()
    await stage.world.guest_says("meanwhile")
    await stage.connect()
    await until(lambda: "meanwhile" in stage.texts(), "the missed message")


async def test_the_very_first_message_is_not_missed_after_a_crash(stage: Stage) -> None:
    """A login that was never heard on before has no state to catch up from, unless it is made at the start."""
    first = await stage.connect()
    await first.save()
    await first.disconnect()
    await stage.world.guest_says("meanwhile")
    await stage.connect()
    await until(lambda: stage.texts() == ["meanwhile"], "the missed message")


async def test_a_dead_login_is_named_at_once(stage: Stage) -> None:
    """A dead key connects without an error; only a probe tells."""
    await stage.world.kill(ACCOUNT)
    with pytest.raises(DeadLogin, match="SESSION_REVOKED"):
        await stage.connect()


async def test_a_login_that_dies_while_connected_is_found_by_the_probe(stage: Stage) -> None:
    """An account whose login was ended elsewhere would be shown as online for ever."""
    connection = await stage.connect()
    await stage.world.kill(ACCOUNT)
    with pytest.raises(DeadLogin):
        await connection.probe()


async def test_a_forgotten_key_is_suspect_and_not_dead(stage: Stage) -> None:
    """Data centres forget keys for moments; a dead verdict would lose the account."""
    await stage.world.forget(ACCOUNT)
    with pytest.raises(SuspectLogin):
        await stage.connect()


@pytest.mark.parametrize(("how", "trouble"), [("flood", FloodWait), ("limited", Limited), ("forbidden", ChatForbidden)])
async def test_refused_sends_say_what_kind_of_refusal(stage: Stage, how: str, trouble: type[Exception]) -> None:
    """A wait, a spam limit and a closed chat need three different answers."""
    connection = await stage.connect()
    await stage.world.next_send_fails(ACCOUNT, how)
    with pytest.raises(trouble) as raised:
        await connection.send(f"@{USERNAME}", "too much", None)
    if isinstance(raised.value, FloodWait):
        assert raised.value.seconds == 42
    await connection.probe()


async def test_an_unknown_chat_is_forbidden(stage: Stage) -> None:
    """A script for a chat in which the account is not must not end the connection."""
    connection = await stage.connect()
    with pytest.raises(ChatForbidden):
        await connection.send("@nobody_is_here", "hello?", None)
    await connection.probe()


async def test_sending_after_the_end_says_unreachable(stage: Stage) -> None:
    """A reply to a dead connection would wait for ever."""
    connection = await stage.connect()
    await connection.disconnect()
    with pytest.raises(Unreachable):
        await asyncio.wait_for(connection.send(f"@{USERNAME}", "anyone?", None), 10)


async def test_an_account_without_a_usable_file_is_told(stage: Stage) -> None:
    """A missing or broken session file would be retried for ever."""
    with pytest.raises(UnusableSession):
        await stage.world.telegram.connect("nobody", lambda message: None)
