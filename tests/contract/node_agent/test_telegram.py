"""The Telegram port's contract, held by Telethon on the real sandbox and by the twin in memory."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.node_agent.domain.ports import LedgerAway
from services.node_agent.domain.telegram import (
    ChatForbidden,
    DeadLogin,
    FloodWait,
    Heard,
    IncomingMessage,
    Limited,
    Newcomer,
    Refused,
    SuspectLogin,
    TelegramConnection,
    Unanswered,
    Unreachable,
    UnusableSession,
)
from tests.contract.node_agent.telegram_worlds import ACCOUNT, OTHER, USERNAME, World, open_world, username
from tests.support.waiting import until


@pytest.fixture(params=["twin", "telethon"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A chat with two accounts and a guest."""
    opened = await open_world(request.param, tmp_path)
    yield opened
    await opened.close()


async def durable() -> None:
    """Everything is."""


class Stage:
    """Connects accounts and keeps what they hear."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.heard: dict[str, list[Heard]] = {ACCOUNT: [], OTHER: []}
        self.open: list[TelegramConnection] = []

    async def connect(self, account_id: str = ACCOUNT) -> TelegramConnection:
        """A live login."""
        connection = await self.world.telegram.connect(account_id, self.heard[account_id].append)
        self.open.append(connection)
        return connection

    def texts(self, account_id: str = ACCOUNT) -> list[str]:
        """What the account has heard."""
        return [message.text for message in self.messages(account_id)]

    def messages(self, account_id: str = ACCOUNT) -> list[IncomingMessage]:
        """The messages that the account has heard."""
        return [heard for heard in self.heard[account_id] if isinstance(heard, IncomingMessage)]

    async def hears(self, text: str, account_id: str = ACCOUNT) -> IncomingMessage:
        """The message with this text, which has to come."""
        await until(lambda: text in self.texts(account_id), f"the message {text!r}")
        return next(message for message in self.messages(account_id) if message.text == text)


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
    [message] = stage.messages()
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
    await connection.send(f"@{USERNAME}" if by_name else stage.world.chat_id, "an *answer*", asked, 7)
    await until(lambda: stage.texts(OTHER) == ["a question", "an *answer*"], "the answer")
    assert (stage.world.user_ids[ACCOUNT], "an *answer*", asked) in await stage.world.texts()
    assert stage.texts() == ["a question"]


async def test_a_mention_and_an_answer_are_told_apart(stage: Stage) -> None:
    """A script's `mention` and `reply` triggers would fire for each other's messages, or for other people's."""
    connection = await stage.connect()
    await stage.connect(OTHER)
    await connection.send(stage.world.chat_id, "here I am", None, 11)
    mine = (await stage.hears("here I am", OTHER)).message_id
    other = await stage.world.guest_says("just a remark")
    named = f"and what do you say, @{username(ACCOUNT)}?"
    for text, reply_to in [(named, None), ("to you", mine), ("to myself", other), (f"{named}!", other), ("hm", None)]:
        await stage.world.guest_says(text, reply_to)
    heard = {text: await stage.hears(text) for text in (named, "to you", "to myself", f"{named}!", "hm")}
    marks = {text: (message.mentions_me, message.answers_me) for text, message in heard.items()}
    assert marks == {
        named: (True, False),
        "to you": (False, True),
        "to myself": (False, False),
        f"{named}!": (True, False),
        "hm": (False, False),
    }
    theirs = await stage.hears(named, OTHER)
    assert not theirs.mentions_me and not theirs.answers_me


async def test_a_command_with_a_name_is_for_the_account_named(stage: Stage) -> None:
    """Where two accounts play the same script, nobody could ask one of them alone."""
    await stage.connect()
    await stage.connect(OTHER)
    await stage.world.guest_says(f"/price@{username(ACCOUNT).upper()} tea")
    await stage.hears("/price tea")
    assert not (await stage.hears(f"/price@{username(ACCOUNT).upper()} tea", OTHER)).mentions_me
    await stage.world.guest_says("/price cake")
    for account_id in (ACCOUNT, OTHER):
        await stage.hears("/price cake", account_id)


async def test_an_answer_in_private_is_one_to_the_account_only_if_it_is(stage: Stage) -> None:
    """Telegram marks no answers in private chats, so a reply trigger would fire always or never there."""
    connection = await stage.connect()
    first = await stage.world.guest_writes(ACCOUNT, "hello you")
    private = await stage.hears("hello you")
    assert private.private and private.chat_id == private.sender_id == stage.world.guest_id
    await connection.send(private.chat_id, "hello yourself", None, 12)
    await stage.world.guest_writes(ACCOUNT, "as I said", first)
    assert not (await stage.hears("as I said")).answers_me
    await stage.world.guest_writes(ACCOUNT, "as you said", first + 1)
    assert (await stage.hears("as you said")).answers_me


async def test_a_newcomer_is_heard_with_his_name(stage: Stage) -> None:
    """A welcome would greet nobody."""
    await stage.connect()
    user_id, message_id = await stage.world.somebody_joins("Nell")
    await until(lambda: stage.heard[ACCOUNT], "the newcomer")
    [newcomer] = stage.heard[ACCOUNT]
    assert isinstance(newcomer, Newcomer) and newcomer.at.tzinfo is not None
    assert (newcomer.user_id, newcomer.name, newcomer.message_id) == (user_id, "Nell", message_id)
    assert (newcomer.chat_id, (newcomer.chat_username or "").lower()) == (stage.world.chat_id, USERNAME)


async def test_the_same_message_sent_again_is_said_once(stage: Stage) -> None:
    """After a lost answer nobody knows whether a message was said: saying it again would say it twice."""
    first = await stage.connect()
    await stage.world.next_send_fails(ACCOUNT, "lost")
    with pytest.raises(Unanswered):
        await first.send(f"@{USERNAME}", "once", None, -9_000_000_000_000_000_001)
    await first.disconnect()
    second = await stage.connect()
    await second.send(f"@{USERNAME}", "once", None, -9_000_000_000_000_000_001)
    await second.send(f"@{USERNAME}", "once", None, 13)
    assert [text for _, text, _ in await stage.world.texts()] == ["once", "once"]


async def test_a_reaction_is_under_its_message_once(stage: Stage) -> None:
    """A script's `react` would do nothing, or the account would be in trouble for reacting twice."""
    connection = await stage.connect()
    message_id = await stage.world.guest_says("good news")
    for _ in range(2):
        await connection.react(f"@{USERNAME}", message_id, "👍")
    assert await stage.world.reactions(message_id) == {stage.world.user_ids[ACCOUNT]: "👍"}
    with pytest.raises(Refused, match="MESSAGE_ID_INVALID"):
        await connection.react(f"@{USERNAME}", message_id + 100, "👍")


async def test_a_cut_connection_is_told_and_what_was_missed_is_heard(stage: Stage) -> None:
    """A cut that nobody notices leaves an account deaf; what was said meanwhile would be lost."""
    first = await stage.connect()
    await stage.world.guest_says("before")
    await until(lambda: stage.texts() == ["before"], "the first message")
    await stage.world.drop(ACCOUNT)
    trouble = await asyncio.wait_for(first.ended(), 10)
    assert isinstance(trouble, Unreachable)
    await first.disconnect()
    await first.save(durable)
    await stage.world.guest_says("meanwhile")
    await stage.connect()
    await until(lambda: "meanwhile" in stage.texts(), "the missed message")
    assert stage.texts() == ["before", "meanwhile"]


async def test_what_was_heard_and_not_saved_comes_again(stage: Stage) -> None:
    """After a crash nobody knows what had been written down of it: it must come again, in its order."""
    first = await stage.connect()
    await first.save(durable)
    await stage.world.guest_says("one")
    await stage.hears("one")
    await first.save(durable)
    for text in ("two", "three"):
        await stage.world.guest_says(text)
        await stage.hears(text)
    await first.disconnect()
    await stage.world.guest_says("four")
    await stage.connect()
    await stage.hears("four")
    assert stage.texts() == ["one", "two", "three", "two", "three", "four"]


async def test_nothing_is_saved_that_is_not_durable(stage: Stage) -> None:
    """A saved state that is ahead of the ledger loses messages in a crash."""
    first = await stage.connect()
    await first.save(durable)
    await stage.world.guest_says("one")
    await stage.hears("one")

    async def ledger_away() -> None:
        raise LedgerAway("the disk is full")

    with pytest.raises(LedgerAway):
        await first.save(ledger_away)
    await first.disconnect()
    await stage.connect()
    await until(lambda: stage.texts() == ["one", "one"], "the message, again")


async def test_what_comes_while_a_state_is_saved_is_not_part_of_it(stage: Stage) -> None:
    """The ledger would lack the message that came between its writing and the saving."""
    first = await stage.connect()
    await first.save(durable)
    await stage.world.guest_says("one")
    await stage.hears("one")

    async def slowly() -> None:
        await stage.world.guest_says("two")
        await stage.hears("two")

    await first.save(slowly)
    await first.disconnect()
    await stage.connect()
    await until(lambda: stage.texts() == ["one", "two", "two"], "the message, again")


async def test_the_very_first_message_is_not_missed_after_a_crash(stage: Stage) -> None:
    """A login that was never heard on before has no state to catch up from, unless it is made at the start."""
    first = await stage.connect()
    await first.save(durable)
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
        await connection.send(f"@{USERNAME}", "too much", None, 1)
    if isinstance(raised.value, FloodWait):
        assert raised.value.seconds == 42
    await connection.probe()


async def test_an_unknown_chat_is_forbidden(stage: Stage) -> None:
    """A script for a chat in which the account is not must not end the connection."""
    connection = await stage.connect()
    with pytest.raises(ChatForbidden):
        await connection.send("@nobody_is_here", "hello?", None, 1)
    await connection.probe()


async def test_sending_after_the_end_says_unreachable(stage: Stage) -> None:
    """A reply to a dead connection would wait for ever."""
    connection = await stage.connect()
    await connection.disconnect()
    with pytest.raises(Unreachable):
        await asyncio.wait_for(connection.send(f"@{USERNAME}", "anyone?", None, 1), 10)


async def test_an_account_without_a_usable_file_is_told(stage: Stage) -> None:
    """A missing or broken session file would be retried for ever."""
    with pytest.raises(UnusableSession):
        await stage.world.telegram.connect("nobody", lambda message: None)
