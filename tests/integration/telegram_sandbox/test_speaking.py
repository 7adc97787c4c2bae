"""Messages both ways in rooms of every kind, and everything that hangs on them."""

from typing import Any

import pytest
from telethon import TelegramClient, errors, events, functions, types

from services.telegram_sandbox.api.bodies import ChatRow, UserRow
from tests.integration.telegram_sandbox.stagehands import Heard, Theatre, promptly
from tests.support.waiting import until


async def test_a_supergroup_hears_guests_and_guests_see_answers(
    theatre: Theatre, ann: UserRow, guest: UserRow, hall: ChatRow
) -> None:
    """An account would neither hear the audience nor be heard."""
    client = await theatre.signed_in(ann)
    heard = Heard(client)
    said = await theatre.admin.say(hall.chat_id, guest.user_id, "hello hall")
    message = await heard.until("hello hall")
    assert (message.chat_id, message.sender_id, message.id) == (hall.chat_id, guest.user_id, said.message_id)
    answer = await promptly(message.reply("hello guest"))
    assert answer.out
    last = (await theatre.admin.messages(hall.chat_id))[-1]
    assert (last.text, last.sender, last.reply_to) == ("hello guest", "ann_the_first", said.message_id)


async def test_a_group_carries_messages_both_ways(theatre: Theatre, ann: UserRow, bob: UserRow) -> None:
    """Basic groups, whose sequence is each account's own, would lose messages."""
    group = await theatre.admin.add_chat("Wings", None, [ann.user_id, bob.user_id], kind="group")
    a, b = await theatre.signed_in(ann), await theatre.signed_in(bob)
    heard_a, heard_b = Heard(a), Heard(b)
    await theatre.admin.say(group.chat_id, bob.user_id, "from bob's desk")
    await heard_a.until("from bob's desk")
    await promptly(a.send_message(group.chat_id, "from ann"))
    message = await heard_b.until("from ann")
    assert message.chat_id == group.chat_id
    await promptly(message.reply("and back"))
    assert (await heard_a.until("and back")).is_reply


async def test_private_messages_go_both_ways(theatre: Theatre, ann: UserRow, bob: UserRow) -> None:
    """Private conversations would not work between clients and guests."""
    a, b = await theatre.signed_in(ann), await theatre.signed_in(bob)
    heard_a, heard_b = Heard(a), Heard(b)
    await promptly(a.send_message("bob_the_second", "psst"))
    message = await heard_b.until("psst")
    assert message.is_private and message.sender_id == ann.user_id
    await promptly(message.respond("what?"))
    await heard_a.until("what?")
    texts = [row.text for row in await theatre.admin.private_messages(ann.user_id, bob.user_id)]
    assert texts == ["psst", "what?"]


async def test_the_other_sessions_of_the_speaker_hear_it_as_their_own(
    theatre: Theatre, ann: UserRow, hall: ChatRow
) -> None:
    """A second session of the same account would take its own messages for somebody else's."""
    one, other = await theatre.signed_in(ann), await theatre.signed_in(ann)
    heard = Heard(other)
    await promptly(one.send_message("the_hall", "it is me"))
    assert (await heard.until("it is me")).out


async def test_mentions_and_commands_are_marked(theatre: Theatre, ann: UserRow, guest: UserRow, hall: ChatRow) -> None:
    """Scripts that wait for a mention or a command would never start."""
    client = await theatre.signed_in(ann)
    heard = Heard(client)
    text = "漢 🎭 /start please @ann_the_first"
    await theatre.admin.say(hall.chat_id, guest.user_id, text)
    message = await heard.until(text)
    assert message.mentioned
    marked = [inner for _, inner in message.get_entities_text()]
    assert marked == ["/start", "@ann_the_first"]


async def test_edits_reactions_and_deletions_reach_the_others(
    theatre: Theatre, ann: UserRow, bob: UserRow, hall: ChatRow
) -> None:
    """Changes to a message would stay unseen."""
    a, b = await theatre.signed_in(ann), await theatre.signed_in(bob)
    heard, seen = Heard(b), Changes(b)
    message = await promptly(a.send_message("the_hall", "to be changed"))
    await heard.until("to be changed")
    await promptly(a.edit_message("the_hall", message.id, "changed"))
    await until(lambda: seen.edits == ["changed"], "the edit")
    react = functions.messages.SendReactionRequest("the_hall", message.id, reaction=[types.ReactionEmoji("👏")])
    await promptly(b(react))
    row = (await theatre.admin.messages(hall.chat_id))[-1]
    assert row.reactions == {bob.user_id: "👏"}
    await promptly(a.delete_messages("the_hall", message.id))
    await until(lambda: seen.deletions == [message.id], "the deletion")


async def test_history_search_and_dialogs_tell_what_was_said(
    theatre: Theatre, ann: UserRow, guest: UserRow, hall: ChatRow
) -> None:
    """Clients could not read back what they missed by hand."""
    for number in range(30):
        await theatre.admin.say(hall.chat_id, guest.user_id, f"line {number}")
    client = await theatre.signed_in(ann)
    pages = [m.message async for m in client.iter_messages("the_hall", limit=25)]
    assert pages == [f"line {number}" for number in range(29, 4, -1)]
    oldest = [m.message async for m in client.iter_messages("the_hall", reverse=True, limit=3)]
    assert oldest == ["line 0", "line 1", "line 2"]
    found = [m.message async for m in client.iter_messages("the_hall", search="line 17")]
    assert found == ["line 17"]
    dialogs = await promptly(client.get_dialogs())
    assert [(d.id, d.message.message) for d in dialogs] == [(hall.chat_id, "line 29")]
    one = await promptly(client.get_messages("the_hall", ids=1))
    assert one.message == "line 0"


async def test_joining_and_leaving_are_seen(theatre: Theatre, ann: UserRow, bob: UserRow) -> None:
    """Scripts that greet newcomers would not see them; whoever left would still hear the chat."""
    chat = await theatre.admin.add_chat("Foyer", "the_foyer", [ann.user_id])
    a, b = await theatre.signed_in(ann), await theatre.signed_in(bob)
    came = Changes(a)
    with pytest.raises(errors.ChatWriteForbiddenError):
        await promptly(b.send_message("the_foyer", "from outside"))
    await promptly(b(functions.channels.JoinChannelRequest("the_foyer")))
    await until(lambda: came.joined == [bob.user_id], "the newcomer")
    await promptly(b.send_message("the_foyer", "from inside"))
    members = [user.id async for user in a.iter_participants("the_foyer")]
    assert members == [ann.user_id, bob.user_id]
    await promptly(b(functions.channels.LeaveChannelRequest("the_foyer")))
    assert (await theatre.admin.chat(chat.chat_id)).members == [ann.user_id]
    await until(lambda: came.left == [bob.user_id], "the departure")


async def test_an_invite_opens_a_closed_chat(theatre: Theatre, ann: UserRow, bob: UserRow) -> None:
    """Accounts could not be brought into chats without a username."""
    chat = await theatre.admin.add_chat("Backstage", None, [ann.user_id])
    client = await theatre.signed_in(bob)
    await promptly(client(functions.messages.ImportChatInviteRequest(chat.invite)))
    sent = await promptly(client.send_message(chat.chat_id, "I am in"))
    assert sent.chat_id == chat.chat_id


async def test_a_wrong_access_hash_is_refused(theatre: Theatre, ann: UserRow, hall: ChatRow) -> None:
    """A client would get away with peers that it has never met, which Telegram does not allow."""
    client = await theatre.signed_in(ann)
    bare = -hall.chat_id - 1_000_000_000_000
    with pytest.raises(errors.ChannelInvalidError):
        await promptly(client.send_message(types.InputPeerChannel(bare, 1), "guessing"))


async def test_the_same_random_id_does_not_speak_twice(theatre: Theatre, ann: UserRow, hall: ChatRow) -> None:
    """A repeated call after a lost answer would say the same thing twice."""
    client = await theatre.signed_in(ann)
    peer = await promptly(client.get_input_entity("the_hall"))
    request = functions.messages.SendMessageRequest(peer, "once", random_id=7)
    await promptly(client(request))
    with pytest.raises(errors.RandomIdDuplicateError):
        # Past the client's own retries: it would repeat a 500 five times, two seconds apart.
        await promptly(client._sender.send(request))
    assert [row.text for row in await theatre.admin.messages(hall.chat_id)] == ["once"]


class Changes:
    """Edits, deletions, joins and leaves that a client's handlers have seen."""

    def __init__(self, client: TelegramClient) -> None:
        self.edits: list[str] = []
        self.deletions: list[int] = []
        self.joined: list[int] = []
        self.left: list[int] = []
        client.add_event_handler(self._on_edit, events.MessageEdited())
        client.add_event_handler(self._on_deletion, events.MessageDeleted())
        client.add_event_handler(self._on_action, events.ChatAction())

    async def _on_edit(self, event: Any) -> None:
        self.edits.append(event.message.message)

    async def _on_deletion(self, event: Any) -> None:
        self.deletions += event.deleted_ids

    async def _on_action(self, event: Any) -> None:
        if event.user_joined or event.user_added:
            self.joined.append(event.user_id)
        if event.user_left or event.user_kicked:
            self.left.append(event.user_id)
