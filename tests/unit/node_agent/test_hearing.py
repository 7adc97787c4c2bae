"""What an account hears in Telegram's updates, where they are odd: what no sandbox sends, and Telegram does."""

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import types

from services.node_agent.domain.telegram import IncomingMessage, Newcomer
from services.node_agent.telegram.hearing import Me, heard_in, me_of, question_in, strangers_in

ME = Me(1, frozenset({"anna_acts"}))
AT = datetime(2026, 1, 1, tzinfo=UTC)
HALL = types.PeerChannel(77)
GUEST = types.PeerUser(900)


class Memory:
    """What the login remembers."""

    def name_of(self, peer_id: int) -> str | None:
        return {900: "Gil"}.get(peer_id)

    def username_of(self, peer_id: int) -> str | None:
        return {-1000000000077: "the_hall"}.get(peer_id)


def message(text: str = "hello", **fields: Any) -> Any:
    """An update with a message of the guest in the hall."""
    given: dict[str, Any] = {"id": 5, "peer_id": HALL, "from_id": GUEST, "date": AT, "message": text, **fields}
    return types.UpdateNewChannelMessage(types.Message(**given), 10, 1)


def service(action: Any, sender: Any = GUEST) -> Any:
    """An update with a service message in the hall."""
    told = types.MessageService(id=6, peer_id=HALL, from_id=sender, date=AT, action=action)
    return types.UpdateNewChannelMessage(told, 10, 1)


def heard(update: Any, is_mine: bool | None = None) -> IncomingMessage:
    """The one message in an update."""
    [found] = heard_in(update, ME, Memory(), is_mine)
    assert isinstance(found, IncomingMessage)
    return found


def reply(**fields: Any) -> Any:
    """The header of a reply to message 3."""
    return types.MessageReplyHeader(**{"reply_to_msg_id": 3, **fields})


def mention(offset: int, length: int) -> Any:
    """The place of a name in a text."""
    return types.MessageEntityMention(offset=offset, length=length)


def test_people_and_chats_that_come_without_their_names_are_remembered() -> None:
    """Telegram leaves out whom it believes to be known; the script would greet nobody."""
    found = heard(message())
    assert (found.sender_name, found.chat_username) == ("Gil", "the_hall")
    update = message()
    update._entities = {900: types.User(900, first_name="Gilbert"), -1000000000077: _channel()}
    found = heard(update)
    assert (found.sender_name, found.chat_username) == ("Gilbert", "hall_two")


def test_own_messages_and_other_updates_are_not_heard() -> None:
    """An account that answers itself never stops."""
    assert heard_in(message(out=True), ME, Memory()) == []
    assert heard_in(types.UpdateUserStatus(900, types.UserStatusEmpty()), ME, Memory()) == []
    assert heard_in(service(types.MessageActionPinMessage()), ME, Memory()) == []


def test_whoever_writes_for_a_channel_is_the_channel() -> None:
    """Posts and anonymous admins have no sender, and would end the hearing."""
    assert heard(message(from_id=None)).sender_id == -1000000000077


def test_a_mention_is_found_behind_characters_of_two_units() -> None:
    """Telegram counts UTF-16 units: behind an emoji the name would be cut out of the wrong place."""
    text = "🎭🎭 @Anna_Acts, please"
    assert heard(message(text, entities=[mention(5, 10)], mentioned=True)).mentions_me
    assert not heard(message("@anna_actsx", entities=[mention(0, 11)])).mentions_me
    named = types.MessageEntityMentionName(offset=0, length=3, user_id=1)
    assert heard(message("you", entities=[named], mentioned=True)).mentions_me


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("/price@anna_acts", "/price"),
        ("/Price@Anna_Acts green  tea", "/Price green  tea"),
        ("  /price@anna_acts\ntea", "  /price\ntea"),
        ("/price@bert_acts tea", "/price@bert_acts tea"),
        ("/price@anna_actsx tea", "/price@anna_actsx tea"),
        ("/price@anna_acts, tea", "/price@anna_acts, tea"),
        ("/price@", "/price@"),
        ("/price tea @anna_acts", "/price tea @anna_acts"),
        ("and /price@anna_acts", "and /price@anna_acts"),
        ("mail/x@anna_acts", "mail/x@anna_acts"),
        ("@anna_acts", "@anna_acts"),
        ("", ""),
    ],
)
def test_a_command_for_the_account_by_name_is_the_plain_command(said: str, text: str) -> None:
    """`/price@anna`, which Telegram's apps write by themselves in groups, would be answered by nobody, or by all."""
    assert heard(message(said)).text == text


def test_an_account_without_a_username_hears_plain_commands_only() -> None:
    """A command for another account would be taken for one of its own."""
    for said in ("/price", "/price@anna_acts tea"):
        [found] = heard_in(message(said), Me(1), Memory())
        assert isinstance(found, IncomingMessage) and found.text == said


def test_further_usernames_are_the_accounts_too() -> None:
    """An account can have several; a mention by the second would not be one."""
    several = [types.Username("Anna_Two", active=True), types.Username("anna_old", active=False)]
    me = me_of(types.User(1, username=None, usernames=several))
    assert me == Me(1, frozenset({"anna_two"}))
    told = [heard_in(message(f"/price@{name}"), me, Memory())[0] for name in ("Anna_Two", "anna_old")]
    assert [each.text for each in told if isinstance(each, IncomingMessage)] == ["/price", "/price@anna_old"]


@pytest.mark.parametrize(
    ("header", "answers"),
    [
        (reply(), True),
        (reply(forum_topic=True), False),
        (reply(forum_topic=True, reply_to_top_id=2), True),
        (reply(reply_to_peer_id=HALL), False),
        (types.MessageReplyStoryHeader(HALL, 3), False),
        (None, False),
    ],
)
def test_a_reply_is_one_to_a_message_of_the_same_chat(header: Any, answers: bool) -> None:
    """In a forum every message carries its topic as if it were a reply: each would seem to answer the account."""
    found = heard(message(reply_to=header, mentioned=True))
    assert (found.answers_me, found.mentions_me) == (answers, not answers)
    assert question_in(message(reply_to=header, mentioned=True), ME) is None


def test_only_what_is_in_doubt_is_asked() -> None:
    """A question for each reply would cost a call for each; a guess is wrong for one of the two."""
    names_me = {"text": "@anna_acts!", "entities": [mention(0, 10)], "mentioned": True, "reply_to": reply()}
    assert question_in(message(**names_me), ME) == (HALL, 3)
    asked = {is_mine: heard(message(**names_me), is_mine).answers_me for is_mine in (True, False, None)}
    assert asked == {True: True, False: False, None: False}
    private = message(peer_id=GUEST, from_id=None, reply_to=reply())
    assert question_in(private, ME) == (GUEST, 3)
    asked = {is_mine: heard(private, is_mine).answers_me for is_mine in (True, False, None)}
    assert asked == {True: True, False: False, None: True}
    assert question_in(message(out=True, peer_id=GUEST, reply_to=reply()), ME) is None


def test_everybody_who_is_brought_at_once_is_a_newcomer_but_the_account() -> None:
    """Of five people who are added together, four would not be welcomed; and nobody welcomes himself."""
    found = heard_in(service(types.MessageActionChatAddUser([900, 1, 901])), ME, Memory())
    assert [(each.user_id, each.name) for each in found if isinstance(each, Newcomer)] == [(900, "Gil"), (901, "")]
    assert {each.message_id for each in found} == {6}


@pytest.mark.parametrize(
    "action",
    [
        types.MessageActionChatJoinedByLink(inviter_id=3),
        types.MessageActionChatJoinedByRequest(),
        types.MessageActionChatJoinedViaCommunity(community_id=3),
    ],
)
def test_who_comes_by_himself_is_a_newcomer(action: Any) -> None:
    """Whoever came by a link, which is how most come, would not be welcomed."""
    [found] = heard_in(service(action), ME, Memory())
    assert isinstance(found, Newcomer) and (found.user_id, found.name, found.at) == (900, "Gil", AT)
    assert heard_in(service(action, types.PeerUser(1)), ME, Memory()) == []


def test_short_updates_are_messages_like_others() -> None:
    """Telegram writes private messages this way to save bytes."""
    private = types.UpdateShortMessage(id=4, user_id=900, message="psst", pts=3, pts_count=1, date=AT)
    found = heard(private)
    assert (found.chat_id, found.sender_id, found.private, found.sender_name) == (900, 900, True, "Gil")
    group = types.UpdateShortChatMessage(id=4, from_id=900, chat_id=55, message="hm", pts=3, pts_count=1, date=AT)
    found = heard(group)
    assert (found.chat_id, found.sender_id, found.private) == (-55, 900, False)


def test_a_stranger_in_a_short_update_is_asked_for() -> None:
    """Only the difference names him; the update alone would be answered without a name."""
    known = types.UpdateShortMessage(id=4, user_id=900, message="psst", pts=3, pts_count=1, date=AT)
    unknown = types.UpdateShortMessage(id=4, user_id=901, message="psst", pts=3, pts_count=1, date=AT)
    assert not strangers_in(known, Memory()) and strangers_in(unknown, Memory())
    assert not strangers_in(message(), Memory())


def _channel() -> Any:
    names = [types.Username("Hall_One"), types.Username("hall_two", active=True)]
    return types.Channel(77, "The hall", types.ChatPhotoEmpty(), AT, access_hash=1, usernames=names)
