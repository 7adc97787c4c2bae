"""Signing in by code and by bot token, signing up, signing out, and the admin API's own door."""

import httpx
import pytest
from telethon import errors, functions

from services.telegram_sandbox.api.bodies import UserRow
from services.telegram_sandbox.client import SandboxClient, SandboxRefused
from tests.integration.telegram_sandbox.stagehands import TOKEN, Heard, Theatre, promptly

PHONE = "+886900000001"


async def test_a_code_shown_by_the_admin_api_signs_in(theatre: Theatre) -> None:
    """Nobody could sign in by phone."""
    row = await theatre.admin.add_user("Ann", "ann_by_phone", phone=PHONE)
    client = theatre.unsigned()
    await promptly(client.connect())
    await promptly(client.send_code_request(PHONE))
    me = await promptly(client.sign_in(PHONE, await theatre.admin.code(PHONE)))
    assert me.id == row.user_id
    assert (await promptly(client.get_me())).phone == PHONE.lstrip("+")


async def test_a_wrong_code_is_refused(theatre: Theatre) -> None:
    """A wrong code would sign in."""
    await theatre.admin.add_user("Ann", phone=PHONE)
    client = theatre.unsigned()
    await promptly(client.connect())
    await promptly(client.send_code_request(PHONE))
    with pytest.raises(errors.PhoneCodeInvalidError):
        await promptly(client.sign_in(PHONE, "not-it"))


async def test_a_bot_token_signs_in_and_hears_its_chat(theatre: Theatre, ann: UserRow) -> None:
    """Bots could not sign in, or would get no updates before their next call."""
    bot = await theatre.admin.add_user("Usher", "usher_bot", bot=True)
    chat = await theatre.admin.add_chat("Foyer", "the_foyer", [ann.user_id, bot.user_id])
    client = theatre.unsigned()
    await promptly(client.start(bot_token=bot.token))
    heard = Heard(client)
    await theatre.admin.say(chat.chat_id, ann.user_id, "/start")
    assert (await heard.until("/start")).sender_id == ann.user_id


async def test_a_false_bot_token_is_refused(theatre: Theatre) -> None:
    """Any token would do."""
    client = theatre.unsigned()
    await promptly(client.connect())
    with pytest.raises(errors.AccessTokenInvalidError):
        await promptly(client.sign_in(bot_token="1:false"))


async def test_signing_out_ends_the_login(theatre: Theatre, ann: UserRow) -> None:
    """A login could be used after its end."""
    client = await theatre.signed_in(ann)
    key_id = theatre.key_id(client)
    await promptly(client(functions.auth.LogOutRequest()))
    assert (await theatre.admin.session(key_id)).user_id is None
    with pytest.raises(errors.AuthKeyUnregisteredError):
        await promptly(client(functions.updates.GetStateRequest()))


async def test_the_admin_api_wants_its_token(theatre: Theatre) -> None:
    """Anybody on the machine could speak and kill sessions."""
    transport = theatre.admin._http._transport
    async with SandboxClient("http://sandbox", TOKEN + "x", transport) as stranger:
        with pytest.raises(SandboxRefused) as refused:
            await stranger.users()
    assert refused.value.status == 401


async def test_the_admin_api_refuses_what_it_does_not_know(theatre: Theatre) -> None:
    """A typing error in a request would be silently ignored."""
    transport = theatre.admin._http._transport
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as http:
        answer = await http.post(
            "/api/v1/users", json={"first_name": "Ann", "nickname": "x"}, headers={"authorization": f"Bearer {TOKEN}"}
        )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.nickname"


async def test_refusals_of_the_world_name_what_to_do(theatre: Theatre, ann: UserRow) -> None:
    """An operator would see a stack trace instead of advice."""
    with pytest.raises(SandboxRefused, match="taken"):
        await theatre.admin.add_user("Imitator", "ANN_the_first")
    with pytest.raises(SandboxRefused, match="no such chat"):
        await theatre.admin.say("nowhere", ann.user_id, "hello?")
