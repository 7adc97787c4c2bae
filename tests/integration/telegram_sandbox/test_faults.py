"""Every fault that can be injected, as a client meets it."""

import asyncio
from pathlib import Path

import pytest
from telethon import errors, functions
from telethon.sessions import StringSession

from services.telegram_sandbox.api.bodies import ChatRow, Death, UserRow
from services.telegram_sandbox.client import SandboxRefused
from services.telegram_sandbox.faults import FloodWait, LostAnswer, Mute, RpcFailure, TransportFailure
from tests.integration.telegram_sandbox.stagehands import Heard, Theatre, promptly
from tests.support.waiting import until

DEATHS: dict[Death, type[Exception]] = {
    "AUTH_KEY_UNREGISTERED": errors.AuthKeyUnregisteredError,
    "AUTH_KEY_INVALID": errors.AuthKeyInvalidError,
    "AUTH_KEY_DUPLICATED": errors.AuthKeyDuplicatedError,
    "SESSION_REVOKED": errors.SessionRevokedError,
    "SESSION_EXPIRED": errors.SessionExpiredError,
    "USER_DEACTIVATED": errors.UserDeactivatedError,
    "USER_DEACTIVATED_BAN": errors.UserDeactivatedBanError,
}


async def test_a_flood_wait_hits_one_user_on_one_method(
    theatre: Theatre, ann: UserRow, bob: UserRow, hall: ChatRow
) -> None:
    """Flood waits could not be tried, or would hit everybody."""
    a, b = await theatre.signed_in(ann), await theatre.signed_in(bob)
    await theatre.admin.inject(FloodWait(method="messages.sendMessage", seconds=42, user_id=ann.user_id))
    with pytest.raises(errors.FloodWaitError) as waits:
        await promptly(a.send_message("the_hall", "too much"))
    assert waits.value.seconds == 42
    await promptly(b.send_message("the_hall", "just right"))


async def test_an_error_comes_as_often_as_was_asked(theatre: Theatre, ann: UserRow, hall: ChatRow) -> None:
    """A fault for one call would last for ever."""
    client = await theatre.signed_in(ann)
    await theatre.admin.inject(RpcFailure(method="messages.sendMessage", code=400, error="PEER_FLOOD", times=1))
    with pytest.raises(errors.PeerFloodError):
        await promptly(client.send_message("the_hall", "first"))
    assert await theatre.admin.faults() == []
    await promptly(client.send_message("the_hall", "second"))


@pytest.mark.parametrize("death", DEATHS)
async def test_a_killed_session_answers_its_error_for_good(theatre: Theatre, ann: UserRow, death: Death) -> None:
    """An agent's handling of a lost login could not be tried."""
    ready = await theatre.admin.add_session(ann.user_id)
    client = theatre.client(StringSession(ready.string_session))
    await promptly(client.connect())
    await theatre.admin.kill(ready.key_id, death)
    with pytest.raises(DEATHS[death]):
        await promptly(client(functions.updates.GetStateRequest()))
    again = theatre.client(StringSession(ready.string_session))
    if death != "AUTH_KEY_DUPLICATED":
        # On a 401 the configuration is still answered, so connect() succeeds and nothing is noticed yet.
        await promptly(again.connect())
        await promptly(again(functions.help.GetConfigRequest()))
        with pytest.raises(DEATHS[death]):
            await promptly(again(functions.updates.GetStateRequest()))


async def test_a_dead_session_gets_no_updates(theatre: Theatre, ann: UserRow, guest: UserRow, hall: ChatRow) -> None:
    """A lost login would go on hearing the chat."""
    dead, alive = await theatre.signed_in(ann), await theatre.signed_in(ann)
    heard_dead, heard_alive = Heard(dead), Heard(alive)
    await theatre.admin.kill(theatre.key_id(dead), "SESSION_REVOKED")
    await theatre.admin.say(hall.chat_id, guest.user_id, "only for the living")
    await heard_alive.until("only for the living")
    assert heard_dead.texts == []


async def test_a_dropped_connection_comes_back(theatre: Theatre, ann: UserRow) -> None:
    """Reconnecting could not be tried."""
    client = await theatre.signed_in(ann)
    assert await theatre.admin.drop(theatre.key_id(client)) == 1
    assert (await promptly(client.get_me())).id == ann.user_id


async def test_a_forgotten_key_is_a_transport_error(theatre: Theatre, ann: UserRow) -> None:
    """Error -404, after which Telethon gives up, could not be tried."""
    client = await theatre.signed_in(ann)
    key_id = theatre.key_id(client)
    await theatre.admin.forget(key_id)
    with pytest.raises(errors.AuthKeyNotFound):
        await promptly(client.disconnected)
    with pytest.raises(SandboxRefused, match="unknown-session"):
        await theatre.admin.session(key_id)


async def test_a_mute_server_takes_and_never_answers(theatre: Theatre, ann: UserRow) -> None:
    """A hanging connect could not be tried, or would not end when the fault is cleared."""
    ready = await theatre.admin.add_session(ann.user_id)
    fault_id = await theatre.admin.inject(Mute())
    client = theatre.client(StringSession(ready.string_session))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(client.connect(), 0.3)
    await client.disconnect()
    await theatre.admin.clear(fault_id)
    await promptly(theatre.client(StringSession(ready.string_session)).connect())


async def test_a_lost_answer_is_of_a_call_that_was_carried_out(theatre: Theatre, ann: UserRow, hall: ChatRow) -> None:
    """A client that says twice what it cannot know to be said could not be caught."""
    client = await theatre.signed_in(ann, auto_reconnect=False)
    fault_id = await theatre.admin.inject(LostAnswer(method="messages.sendMessage"))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(client.send_message("the_hall", "said"), 0.3)
    assert [row.text for row in await theatre.admin.messages("the_hall") if row.action is None] == ["said"]
    [row] = await theatre.admin.faults()
    assert (row.fault_id, row.met) == (fault_id, 1)
    await theatre.admin.clear()
    await theatre.admin.inject(LostAnswer(method="messages.sendMessage", cut=True))
    with pytest.raises((OSError, asyncio.IncompleteReadError, asyncio.CancelledError)):
        await promptly(client.send_message("the_hall", "said too"))


@pytest.mark.parametrize("code", [429, 444])
async def test_a_transport_error_is_all_that_a_client_gets(theatre: Theatre, ann: UserRow, code: int) -> None:
    """Telegram's "too many connections", which comes before any method, could not be tried."""
    client = await theatre.signed_in(ann, auto_reconnect=False)
    await theatre.admin.inject(TransportFailure(code=code, user_id=ann.user_id))
    with pytest.raises(errors.InvalidBufferError) as raised:
        await promptly(client(functions.updates.GetStateRequest()))
    assert raised.value.code == code


async def test_one_login_from_two_addresses_is_dead_for_good(theatre: Theatre, ann: UserRow) -> None:
    """Running a session on two nodes at once, which destroys it at Telegram, would go unpunished here."""
    ready = await theatre.admin.add_session(ann.user_id)
    here = theatre.client(StringSession(ready.string_session))
    await promptly(here.connect())
    there = theatre.client(StringSession(ready.string_session), local_addr="127.0.0.2")
    with pytest.raises(errors.AuthKeyDuplicatedError):
        await promptly(there.connect())
    with pytest.raises(errors.AuthKeyDuplicatedError):
        await promptly(here(functions.updates.GetStateRequest()))
    await here.disconnect()
    await there.disconnect()
    await until(lambda: theatre.sandbox.server.connection_count == 0, "both to be gone")
    with pytest.raises(errors.AuthKeyDuplicatedError):
        await promptly(theatre.client(StringSession(ready.string_session)).connect())


async def test_one_login_after_the_other_is_allowed(theatre: Theatre, ann: UserRow) -> None:
    """Moving a session properly, one node after the other, would be punished."""
    ready = await theatre.admin.add_session(ann.user_id)
    here = theatre.client(StringSession(ready.string_session))
    await promptly(here.connect())
    await here.disconnect()
    await until(lambda: theatre.sandbox.server.connection_count == 0, "the first to be gone")
    there = theatre.client(StringSession(ready.string_session), local_addr="127.0.0.2")
    await promptly(there.connect())
    assert (await promptly(there.get_me())).id == ann.user_id


async def test_the_strict_rule_forbids_two_connections_of_one_login(tmp_path: Path) -> None:
    """On one machine, where all addresses are the same, a login could not be caught being used twice."""
    theatre = await Theatre.open(tmp_path, duplicate_rule="connection")
    try:
        user = await theatre.admin.add_user("Ann")
        ready = await theatre.admin.add_session(user.user_id)
        first, second = (theatre.client(StringSession(ready.string_session)) for _ in range(2))
        await promptly(first.connect())
        with pytest.raises(errors.AuthKeyDuplicatedError):
            await promptly(second.connect())
        assert (await theatre.admin.session(ready.key_id)).dead == "AUTH_KEY_DUPLICATED"
    finally:
        await theatre.close()
