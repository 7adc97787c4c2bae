"""Sign-ins on a node: what is asked, what is passed on sealed, and the login that comes of it."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.contracts.fleet import NodeStatus
from shared.contracts.identifiers import content_hash
from shared.contracts.logins import AnswerLogin, BeginLogin, LoginReported, LoginState
from shared.contracts.sessions import SessionOrigin, SessionRefused, SessionStored, sealed_for
from shared.messaging import Rejected
from shared.packing import packed
from shared.sealing import open_sealed, seal, sealing_key_of
from tests.unit.deployer.session_making import key_of, telethon_file
from tests.unit.deployer.test_sessions_api import problem
from tests.unit.deployer.vault_door import SESSIONS, VaultDoor, open_vault_door

LOGIN = f"{SESSIONS}/login"
BODY = {"account_id": "ana", "node_id": "tokyo", "phone": "+81 3 1234 5678"}


@pytest.fixture
async def door() -> AsyncIterator[VaultDoor]:
    """A vault that knows node `tokyo`."""
    async with open_vault_door() as door:
        await door.vault.node("tokyo")
        yield door


async def begun(door: VaultDoor, **body: Any) -> dict[str, Any]:
    """A sign-in."""
    response = await door.http.post(LOGIN, json=body or BODY)
    assert response.status_code == 202, response.text
    return dict(response.json())


async def report(door: VaultDoor, login: dict[str, Any], number: int, state: LoginState, **more: Any) -> None:
    """What the node says."""
    fields = {"node_id": "tokyo", "login_id": login["login_id"], "account_id": login["account_id"], "number": number}
    await door.vault.sign_in.record(LoginReported(**(fields | more), state=state, at=door.vault.clock.now()))


def finished(door: VaultDoor, content: bytes, account: str = "ana") -> dict[str, Any]:
    """The login as the node seals it to the vault."""
    hash_ = content_hash(content)
    bound_to = sealed_for(LoginReported.TYPE, "tokyo", account, 0, hash_)
    sealed = seal(packed(content), sealing_key_of(door.vault.pair.private[0]), bound_to)
    return {"hash": hash_, "size": len(content), "sealed": base64.b64encode(sealed).decode()}


def secret_of(door: VaultDoor, order: BeginLogin | AnswerLogin) -> str:
    """What the node reads of an order."""
    bound_to = sealed_for(order.TYPE, order.node_id, order.account_id, 0, order.login_id)
    return open_sealed(base64.b64decode(order.secret), door.vault.private_key("tokyo"), bound_to).decode()


async def look(door: VaultDoor, login: dict[str, Any]) -> dict[str, Any]:
    """How far it is."""
    return dict((await door.http.get(f"{LOGIN}/{login['login_id']}")).json())


async def answer(door: VaultDoor, login: dict[str, Any], text: str) -> httpx.Response:
    """What the operator types."""
    return await door.http.post(f"{LOGIN}/{login['login_id']}", json={"answer": text})


async def test_a_sign_in_asks_for_code_and_password_and_ends_in_the_vault(door: VaultDoor) -> None:
    """A new account could not be brought in without signing in somewhere else first."""
    login = await begun(door)
    assert (login["state"], login["kind"]) == ("connecting", "phone")
    [order] = door.vault.told(BeginLogin)
    assert secret_of(door, order) == "+81 3 1234 5678"
    await report(door, login, 1, LoginState.CODE_WANTED, hint="app")
    assert (await look(door, login))["hint"] == "app"
    assert (await answer(door, login, "12345")).json()["state"] == "connecting"
    await report(door, login, 2, LoginState.CODE_WANTED, reason="the code was wrong")
    assert (await look(door, login))["reason"] == "the code was wrong"
    await answer(door, login, "54321")
    await report(door, login, 3, LoginState.PASSWORD_WANTED, hint="a pet")
    await answer(door, login, "the password")
    answers = door.vault.told(AnswerLogin)
    assert [(one.question, secret_of(door, one)) for one in answers] == [
        (1, "12345"),
        (2, "54321"),
        (3, "the password"),
    ]
    content = telethon_file()
    await report(door, login, 4, LoginState.SIGNED_IN, user_id=777000111, **finished(door, content))
    ended = await look(door, login)
    assert (ended["state"], ended["version"], ended["user_id"]) == ("signed_in", 1, 777000111)
    assert await door.vault.content() == content
    version = (await door.vault.versions())[0]
    assert (version.origin, version.node_id, version.by) == (SessionOrigin.LOGIN, "tokyo", "mika")
    await report(door, login, 4, LoginState.SIGNED_IN, **finished(door, content))
    assert [(one.hash, one.epoch) for one in door.vault.told(SessionStored)] == [(content_hash(content), 0)] * 2


async def test_a_bots_token_makes_a_login(door: VaultDoor) -> None:
    """A bot would need a session file from somewhere else."""
    login = await begun(door, account_id="desk", node_id="tokyo", bot_token="1234567:AAAAAAAAAAAAAAAAAAAA")
    [order] = door.vault.told(BeginLogin)
    assert (order.kind.value, secret_of(door, order)) == ("bot", "1234567:AAAAAAAAAAAAAAAAAAAA")
    await report(door, login, 1, LoginState.SIGNED_IN, **finished(door, telethon_file(), "desk"))
    assert await door.vault.current("desk") == 1


async def test_what_cannot_begin_or_be_answered_is_refused(door: VaultDoor) -> None:
    """An operator would type a code that goes nowhere."""
    await door.vault.node("away", status=NodeStatus.OFFLINE)
    await door.vault.node("keyless", joined=False)
    post = door.http.post
    problem(await post(LOGIN, json=BODY | {"node_id": "nowhere"}), 404, "no-such-node")
    problem(await post(LOGIN, json=BODY | {"node_id": "away"}), 409, "node-away")
    problem(await post(LOGIN, json=BODY | {"node_id": "keyless"}), 409, "node-has-no-key")
    problem(await post(LOGIN, json=BODY | {"bot_token": "1234567:AAAAAAAAAAAAAAAAAAAA"}), 422, "invalid-request")
    problem(await post(LOGIN, json={"account_id": "ana", "node_id": "tokyo"}), 422, "invalid-request")
    nobody = {"login_id": "lgn_" + "0" * 32}
    problem(await answer(door, nobody, "1"), 404, "no-such-login")
    problem(await door.http.get(f"{LOGIN}/{nobody['login_id']}"), 404, "no-such-login")
    login = await begun(door)
    problem(await answer(door, login, "1"), 409, "nothing-asked")
    await report(door, login, 1, LoginState.FAILED, reason="the number is banned")
    problem(await answer(door, login, "1"), 409, "nothing-asked")


async def test_a_sign_in_without_an_end_has_failed(door: VaultDoor) -> None:
    """It would wait for a node that is gone for ever."""
    login = await begun(door)
    await report(door, login, 1, LoginState.CODE_WANTED)
    await door.vault.clock.run_for(601)
    ended = await look(door, login)
    assert ended["state"] == "failed" and "began" not in ended["reason"] and "begin again" in ended["reason"]
    problem(await answer(door, login, "1"), 409, "nothing-asked")


async def test_another_nodes_word_is_not_taken(door: VaultDoor) -> None:
    """A stolen node could end the sign-ins of others, or plant a login for them."""
    login = await begun(door)
    for change in ({"node_id": "osaka"}, {"account_id": "bob"}, {"login_id": "lgn_" + "0" * 32}):
        with pytest.raises(Rejected):
            await report(door, login, 1, LoginState.CODE_WANTED, **change)
    with pytest.raises(Rejected):
        await report(door, login, 1, LoginState.SIGNED_IN)
    with pytest.raises(Rejected):
        await report(door, login, 1, LoginState.SIGNED_IN, node_id="osaka", **finished(door, telethon_file()))
    assert (await look(door, login))["state"] == "connecting"


@pytest.mark.parametrize(("sealed_as", "why"), [("bob", "was not sealed"), ("ana", "'other'")])
async def test_a_login_that_the_vault_does_not_take_ends_the_sign_in(door: VaultDoor, sealed_as: str, why: str) -> None:
    """The node would send it for ever, and the operator wait ten minutes to learn nothing."""
    login = await begun(door)
    await door.upload(telethon_file(), "other")
    made = finished(door, telethon_file(), sealed_as)
    with pytest.raises(Rejected, match=why):
        await report(door, login, 1, LoginState.SIGNED_IN, **made)
    ended = await look(door, login)
    assert (ended["state"], "did not take" in ended["reason"], why in ended["reason"]) == ("failed", True, True)
    [refused] = door.vault.told(SessionRefused)
    assert (refused.node_id, refused.account_id, refused.epoch, refused.hash) == ("tokyo", "ana", 0, made["hash"])


async def test_reports_that_overtake_each_other_do_no_harm(door: VaultDoor) -> None:
    """A late question would be shown after its answer."""
    login = await begun(door)
    await report(door, login, 2, LoginState.PASSWORD_WANTED)
    await report(door, login, 1, LoginState.CODE_WANTED)
    assert (await look(door, login))["state"] == "password_wanted"


async def test_nothing_that_was_typed_is_kept(door: VaultDoor) -> None:
    """A copy of the database, or the audit log, would have phone numbers, codes and passwords."""
    login = await begun(door)
    await report(door, login, 1, LoginState.PASSWORD_WANTED)
    await answer(door, login, "planted password")
    kept = repr(door.vault.store._tables) + repr(door.vault.store.announced) + repr(door.audit.rows)
    for secret in ("1234 5678", "planted", key_of().hex()[:20]):
        assert secret not in kept
