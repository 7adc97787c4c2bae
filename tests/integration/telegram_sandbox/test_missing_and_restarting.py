"""Catching up after an absence, and what a restarted sandbox still knows."""

from pathlib import Path

import pytest
from telethon import errors, functions
from telethon.sessions import SQLiteSession, StringSession

from services.telegram_sandbox.api.bodies import ChatRow, UserRow
from services.telegram_sandbox.world.seed import SeedAccounts, SeedChat, SeedUser, WorldSeed
from tests.integration.telegram_sandbox.stagehands import Heard, Theatre, promptly
from tests.support.waiting import until


async def test_catch_up_after_a_drop_brings_what_was_missed(
    theatre: Theatre, ann: UserRow, bob: UserRow, guest: UserRow, hall: ChatRow, tmp_path: Path
) -> None:
    """What was said while a client was away would be lost, in private rooms, groups or supergroups."""
    group = await theatre.admin.add_chat("Wings", None, [ann.user_id, guest.user_id], kind="group")
    ready = await theatre.admin.add_session(ann.user_id)
    path = tmp_path / "ann.session"
    path.write_bytes(ready.file_bytes())
    client = theatre.client(SQLiteSession(str(path)))
    heard = Heard(client)
    await promptly(client.connect())
    await theatre.admin.say(hall.chat_id, guest.user_id, "before")
    await heard.until("before")
    await client.disconnect()
    await theatre.admin.say(hall.chat_id, guest.user_id, "in the hall")
    await theatre.admin.say(group.chat_id, guest.user_id, "in the wings")
    await theatre.admin.say_privately(guest.user_id, ann.user_id, "in private")
    back = theatre.client(SQLiteSession(str(path)), catch_up=True)
    heard = Heard(back)
    await promptly(back.connect())
    for text in ("in the hall", "in the wings", "in private"):
        await heard.until(text)
    assert "before" not in heard.texts


async def test_catch_up_asked_for_after_an_automatic_reconnect(
    theatre: Theatre, ann: UserRow, guest: UserRow, hall: ChatRow
) -> None:
    """An agent that calls catch_up() after a cut line would not get what was said meanwhile."""
    client = await theatre.signed_in(ann)
    heard = Heard(client)
    await theatre.admin.say(hall.chat_id, guest.user_id, "before")
    await heard.until("before")
    assert await theatre.admin.drop(theatre.key_id(client)) == 1
    await theatre.admin.say(hall.chat_id, guest.user_id, "meanwhile")
    await until(lambda: theatre.sandbox.server.connection_count == 1, "the reconnect")
    await promptly(client.catch_up())
    await heard.until("meanwhile")


async def test_a_difference_of_many_messages_comes_in_slices(theatre: Theatre, ann: UserRow, guest: UserRow) -> None:
    """A long absence would bring only the first hundred messages."""
    client = await theatre.signed_in(ann)
    state = await promptly(client(functions.updates.GetStateRequest()))
    for number in range(250):
        await theatre.admin.say_privately(guest.user_id, ann.user_id, f"line {number}")
    sizes, pts = [], state.pts
    while True:
        slice_ = await promptly(client(functions.updates.GetDifferenceRequest(pts=pts, date=state.date, qts=0)))
        sizes.append(len(slice_.new_messages))
        if hasattr(slice_, "state"):
            break
        pts = slice_.intermediate_state.pts
    assert sizes == [100, 100, 50]


async def test_a_restart_keeps_logins_chats_and_messages(tmp_path: Path) -> None:
    """The second start of a demo would have lost every account."""
    seed = WorldSeed(
        chats=[SeedChat(title="Stage", username="the_stage")],
        accounts=[SeedAccounts(count=2, prefix="actor", chats=["the_stage"])],
    )
    first = await Theatre.open(tmp_path)
    rows = await first.admin.apply(seed)
    port = first.sandbox.place.port
    one = first.client(StringSession(rows[0].string_session))
    await promptly(one.connect())
    await promptly(one.send_message("the_stage", "漢 before the fire"))
    await first.close()
    second = await Theatre.open(tmp_path, port=port)
    try:
        assert [row.string_session for row in await second.admin.apply(seed)] == [r.string_session for r in rows]
        other = second.client(StringSession(rows[1].string_session))
        await promptly(other.connect())
        heard = Heard(other)
        kept = await promptly(other.get_messages("the_stage"))
        assert kept[0].message == "漢 before the fire"
        await second.admin.say("the_stage", rows[0].user_id, "after the fire")
        assert (await heard.until("after the fire")).id == kept[0].id + 1
    finally:
        await second.close()


async def test_a_killed_sandbox_has_lost_nothing_it_answered(tmp_path: Path) -> None:
    """A crash would lose messages whose senders were told that they are sent."""
    first = await Theatre.open(tmp_path)
    user = await first.admin.add_user("Ann", "ann_the_first")
    client = await first.signed_in(user)
    await promptly(client.send_message("me", "kept"))
    # A second process would read the same files: nothing is flushed or closed on the first one's side.
    second = await Theatre.open(tmp_path)
    try:
        assert second.sandbox.world.users[user.user_id].pts == first.sandbox.world.users[user.user_id].pts
        rooms = second.sandbox.world.rooms_of(user.user_id)
        assert [message.text for room in rooms for message in room.messages.values()] == ["kept"]
    finally:
        await second.close()
        await first.close()


async def test_a_random_id_is_taken_once_across_a_restart(tmp_path: Path) -> None:
    """A client that asks again after the sandbox was killed would speak twice."""
    first = await Theatre.open(tmp_path)
    user = await first.admin.add_user("Ann", "ann_the_first")
    ready = await first.admin.add_session(user.user_id)
    request = functions.messages.SendMessageRequest("me", "once", random_id=-7)
    client = first.client(StringSession(ready.string_session))
    await promptly(client.connect())
    await promptly(client(request))
    port = first.sandbox.place.port
    await first.close()
    second = await Theatre.open(tmp_path, port=port)
    try:
        back = second.client(StringSession(ready.string_session), request_retries=0, raise_last_call_error=True)
        await promptly(back.connect())
        with pytest.raises(errors.RandomIdDuplicateError):
            await promptly(back(request))
    finally:
        await second.close()


async def test_a_seed_applied_twice_changes_nothing(theatre: Theatre, ann: UserRow) -> None:
    """Every start of a demo would make its accounts and chats once more."""
    seed = WorldSeed(
        users=[SeedUser(username="critic", first_name="Critic"), SeedUser(username="usher_bot", bot=True)],
        chats=[
            SeedChat(kind="group", title="Green room / 2", members=["critic", "ann_the_first"]),
            SeedChat(title="Stage", username="the_stage", members=["critic"]),
        ],
        accounts=[SeedAccounts(count=3, chats=["the_stage", "Green room / 2"])],
        sessions=["critic", "ann_the_first", "critic"],
    )
    first = await theatre.admin.apply(seed)
    chats, users = await theatre.admin.chats(), await theatre.admin.users()
    assert [row.username for row in first] == ["actor_1", "actor_2", "actor_3", "critic", "ann_the_first"]
    assert await theatre.admin.apply(seed) == first
    assert (await theatre.admin.chats(), await theatre.admin.users()) == (chats, users)
    assert [len(chat.members) for chat in chats] == [5, 4]
