"""The vault's doors: what is taken, what is refused with which reason, and that no answer tells a login."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from services.deployer.domain.telegram_logins import LARGEST_UPLOAD
from services.deployer.session_downloads import SignedSessions
from shared.contracts.identifiers import content_hash
from shared.contracts.roles import Role
from shared.contracts.sessions import SEALED_INLINE_LIMIT, DeliverSession, sealed_for
from shared.packing import unpacked
from shared.sealing import open_sealed, sealing_key_of
from tests.unit.deployer.session_making import KEY, key_of, pyrogram_string, telethon_file, telethon_string, zipped
from tests.unit.deployer.vault_door import SESSIONS, VaultDoor, destination, open_vault_door
from tests.unit.deployer.vault_stand import Vault


@pytest.fixture
async def door() -> AsyncIterator[VaultDoor]:
    """The doors of an empty vault, for an admin."""
    async with open_vault_door() as door:
        yield door


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem details of a refusal."""
    assert response.status_code == status, response.text
    told = dict(response.json())
    assert told["type"] == f"urn:callboard:problem:{slug}"
    return told


async def test_a_session_comes_as_bytes_as_a_form_or_as_a_string(door: VaultDoor) -> None:
    """curl, a browser and a program would each need another way."""
    raw = await door.upload(telethon_file())
    assert raw.status_code == 201, raw.text
    [item] = raw.json()["items"]
    assert (item["account_id"], item["version"], item["form"], item["added"]) == ("ana", 1, "telethon-file", True)
    assert (await door.upload(telethon_file())).status_code == 200
    form = await door.http.post(SESSIONS, files={"file": ("bob.session", telethon_file(key_of(1)))})
    assert form.json()["items"][0]["account_id"] == "bob"
    named = await door.http.post(
        SESSIONS, data={"account_id": "carl"}, files={"file": ("x", telethon_string(key_of(2)))}
    )
    assert named.json()["items"][0]["account_id"] == "carl"
    body = {"account_id": "dora", "session": pyrogram_string(key_of(3)).decode()}
    assert (await door.http.post(SESSIONS, json=body)).json()["items"][0]["form"] == "pyrogram-string"
    text = await door.http.post(
        SESSIONS,
        params={"file_name": "emil.txt"},
        content=telethon_string(key_of(4)),
        headers={"content-type": "text/plain"},
    )
    assert text.json()["items"][0]["account_id"] == "emil"
    listed = (await door.http.get(SESSIONS, params={"limit": 3})).json()
    assert [one["account_id"] for one in listed["items"]] == ["ana", "bob", "carl"]
    rest = (await door.http.get(SESSIONS, params={"cursor": listed["next_cursor"]})).json()
    assert [one["account_id"] for one in rest["items"]] == ["dora", "emil"]
    assert rest["items"][0]["current"]["by"] == "mika"


async def test_an_archive_has_a_result_for_each_file(door: VaultDoor) -> None:
    """One bad file would hide that the others were stored."""
    content = zipped({"ana.session": telethon_file(), "bob.session": b"?", "carl.session": telethon_file()})
    response = await door.http.post(SESSIONS, content=content, headers={"content-type": "application/zip"})
    assert response.status_code == 201
    told = response.json()
    assert (told["stored"], told["refused"]) == (1, 2)
    assert [one["refused"] is None for one in told["items"]] == [True, False, False]
    assert "account 'ana'" in told["items"][2]["refused"]
    bad = zipped({"bob.session": b"?", "carl.session": b""})
    refused = await door.http.post(SESSIONS, content=bad, headers={"content-type": "application/zip"})
    told = problem(refused, 422, "session-refused")
    assert [one["field"] for one in told["errors"]] == ["bob.session", "carl.session"]


async def test_what_is_not_taken_is_refused_with_the_reason(door: VaultDoor) -> None:
    """An operator would not know which file is wrong, or what helps."""
    told = problem(await door.upload(telethon_file(address="203.0.113.9")), 422, "session-refused")
    assert "not one of Telegram's" in told["detail"] and "nothing was stored" in told["detail"]
    await door.upload(telethon_file())
    assert "'ana'" in problem(await door.upload(telethon_string(), "bob"), 409, "login-of-another-account")["detail"]
    problem(await door.upload(bytes(LARGEST_UPLOAD + 100_000)), 413, "body-too-large")
    # More than other doors take.
    problem(await door.upload(bytes(LARGEST_UPLOAD)), 422, "session-refused")
    post = door.http.post
    problem(await post(SESSIONS, content=b"x", headers={"content-type": "image/png"}), 415, "unsupported-media-type")
    problem(await post(SESSIONS, json={"session": "1"}), 422, "invalid-request")
    problem(await post(SESSIONS, json={"session": "planted" * 400, "account_id": "a"}), 422, "invalid-request")
    problem(await post(SESSIONS, files={"other": ("x", b"y")}), 422, "invalid-request")
    problem(await post(SESSIONS, files={"file": ("x", b"y")}, data={"account_id": "no id"}), 422, "invalid-request")
    problem(await post(SESSIONS, files={"file": ("x", b"y")}, data={"colour": "red"}), 422, "invalid-request")
    broken = {"content-type": "multipart/form-data; boundary=x"}
    problem(await post(SESSIONS, content=b"--x\r\nplanted", headers=broken), 422, "invalid-request")
    none = {"content-type": "multipart/form-data"}
    problem(await post(SESSIONS, content=b"planted", headers=none), 422, "invalid-request")
    for path in ("nobody", "nobody/versions", "nobody/download"):
        problem(await door.http.get(f"{SESSIONS}/{path}"), 404, "no-such-session")
    problem(await door.http.delete(f"{SESSIONS}/nobody"), 404, "no-such-session")
    problem(await post(f"{SESSIONS}/ana/use", json={"version": 9}), 404, "no-such-version")
    problem(await door.http.get(f"{SESSIONS}/ana/download", params={"version": 9}), 404, "no-such-version")


async def test_versions_are_listed_chosen_and_downloaded(door: VaultDoor) -> None:
    """A mistake could not be undone."""
    await door.upload(telethon_file())
    await door.upload(telethon_string(key_of(1)))
    page = (await door.http.get(f"{SESSIONS}/ana/versions", params={"limit": 1})).json()
    assert [(one["version"], one["current"]) for one in page["items"]] == [(2, True)]
    rest = (await door.http.get(f"{SESSIONS}/ana/versions", params={"cursor": page["next_cursor"]})).json()
    assert [(one["version"], one["origin"], one["user_id"]) for one in rest["items"]] == [(1, "upload", 777000111)]
    used = await door.http.post(f"{SESSIONS}/ana/use", json={"version": 1})
    assert (used.json()["version"], used.json()["current"]) == (1, True)
    download = await door.http.get(f"{SESSIONS}/ana/download")
    assert download.headers["content-type"] == "application/vnd.sqlite3"
    assert download.headers["cache-control"] == "no-store"
    assert content_hash(download.content) == rest["items"][0]["hash"] == download.headers["etag"].strip('"')
    assert KEY in download.content


async def test_the_present_state_is_asked_for_and_read(door: VaultDoor) -> None:
    """What a script waits for would have no end, or no hash."""
    problem(await door.http.post(f"{SESSIONS}/ana/sync"), 404, "no-such-session")
    problem(await door.http.get(f"{SESSIONS}/ana/sync"), 404, "never-asked")
    await door.upload(telethon_file())
    problem(await door.http.post(f"{SESSIONS}/ana/sync"), 409, "on-no-node")
    await door.vault.node("tokyo", status="offline")
    await door.vault.assign("ana", "tokyo", 1)
    problem(await door.http.post(f"{SESSIONS}/ana/sync"), 409, "node-away")
    await door.vault.node("tokyo", joined=False)
    problem(await door.http.post(f"{SESSIONS}/ana/sync"), 409, "node-has-no-key")
    await door.vault.node("tokyo")
    asked = await door.http.post(f"{SESSIONS}/ana/sync")
    assert (asked.status_code, asked.json()["node_id"], asked.json()["by"]) == (202, "tokyo", "mika")
    assert (asked.json()["version"], asked.json()["answered_at"]) == (None, None)
    state = door.vault.state("ana", "tokyo", telethon_file(), (1, 5, 1), answers=asked.json()["sync_id"])
    kept = await door.vault.record(state)
    answer = (await door.http.get(f"{SESSIONS}/ana/sync")).json()
    assert kept is not None
    assert (answer["version"], answer["hash"], answer["problem"]) == (kept.version.version, state.hash, None)


async def test_what_admins_alone_may_do(door: VaultDoor) -> None:
    """A viewer's token would be every account's login."""
    await door.upload(telethon_file())
    async with open_vault_door(Role.OPERATOR) as other:
        for method, path in (("GET", "ana/download"), ("DELETE", "ana"), ("POST", "rotate-key")):
            response = await other.http.request(method, f"{SESSIONS}/{path}")
            problem(response, 403, "not-allowed")
    async with open_vault_door(Role.VIEWER) as other:
        problem(await other.upload(telethon_file()), 403, "not-allowed")
        assert (await other.http.get(SESSIONS)).status_code == 200
    await door.http.get(f"{SESSIONS}/ana/download")
    row = door.audit.rows[-1]
    assert (row.actor, row.route, row.subject["account_id"]) == ("mika", SESSIONS + "/{account_id}/download", "ana")


async def test_no_answer_no_log_and_no_audit_row_has_a_login(door: VaultDoor, caplog: Any, capsys: Any) -> None:
    """Whoever reads logs would be signed in as every account."""
    planted = key_of(9)
    string = telethon_string(planted).decode()
    answers = [
        await door.upload(telethon_file(planted)),
        await door.http.post(SESSIONS, json={"account_id": "bob", "session": string}),
        await door.http.post(SESSIONS, json={"account_id": "bob", "session": string[:-9], "colour": 1}),
        await door.http.post(SESSIONS, content=string.encode()[:-9], headers={"content-type": "text/plain"}),
        await door.http.get(SESSIONS),
        await door.http.get(f"{SESSIONS}/ana/versions"),
        await door.http.post(f"{SESSIONS}/rotate-key"),
    ]
    said = "".join(one.text for one in answers) + caplog.text + "".join(capsys.readouterr())
    said += json.dumps([repr(row) for row in door.audit.rows])
    for secret in (string[1:40], string[100:140], base64.b64encode(planted).decode()[:40], planted.hex()[:40]):
        assert secret not in said


async def test_a_large_login_is_fetched_with_its_link_alone(door: VaultDoor) -> None:
    """A node without an operator's token could not fetch it; or anybody could."""
    await door.upload(telethon_file())
    url = door.links.url_of(destination(sealing_key=_public(door.vault)))
    bare = httpx.AsyncClient(transport=door.http._transport, base_url="http://door")
    fetched = await bare.get(url.removeprefix("http://door"))
    assert fetched.status_code == 200
    hash_ = (await door.vault.versions())[0].hash
    bound_to = sealed_for(DeliverSession.TYPE, "tokyo", "ana", 1, hash_)
    content = unpacked(open_sealed(fetched.content, door.vault.private_key("tokyo"), bound_to), SEALED_INLINE_LIMIT)
    assert content_hash(content) == hash_
    token = url.partition("token=")[2]
    path = "/api/v1/group-ai/session-deliveries"
    problem(await bare.get(f"{path}/osaka", params={"token": token}), 403, "link-refused")
    problem(await bare.get(f"{path}/tokyo", params={"token": token[:-3] + "xyz"}), 403, "link-refused")
    gone = door.links.url_of(destination(version=9, sealing_key=_public(door.vault)))
    problem(await bare.get(gone.removeprefix("http://door")), 404, "no-such-version")
    old = SignedSessions(SecretStr("secret-of-the-tests"), "http://door", valid_seconds=-1)
    assert "expired" in str(old.destination("tokyo", token))
    await bare.aclose()


def _public(vault: Vault) -> str:
    return base64.b64encode(sealing_key_of(vault.private_key("tokyo"))).decode()
