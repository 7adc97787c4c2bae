"""Servers on the page: another login goes in and is never shown, a script's file is read back, an agent may join."""

from typing import Any

from services.console.pages.desk import Form
from services.console.pages.servers import login_of, server_of
from shared.contracts.roles import Role
from tests.unit.console.office import Services, signed_in

SERVER = "/api/v1/group-ai/servers/tokyo-1"
SCRIPTS = "/api/v1/group-ai/scripts"
ENROLMENTS = "/api/v1/workers/enrolments"
DIALOG = {"x-dialog": "1"}
NOW = "2026-03-01T12:00:00Z"


def server(**fields: Any) -> dict[str, Any]:
    """A server as the deployer shows it."""
    key = {"algorithm": "ssh-ed25519", "fingerprint": "SHA256:" + "A" * 43}
    told = {"server_id": "tokyo-1", "host": "127.0.0.1", "port": 22, "user": "callboard", "login": "password"}
    place = {"directory": ".callboard", "node_id": "tokyo-1", "link": False, "state": "confirmed", "host_key": key}
    return {**told, **place, "created_at": NOW, "updated_at": NOW, **fields}


def test_only_the_chosen_way_to_log_in_is_sent() -> None:
    """What was typed into the other field must not go out; a password keeps its spaces."""
    typed = {"password": [" two words "], "private_key": ["-----BEGIN\r\nkey\r\n"], "passphrase": [""]}
    assert login_of(Form(typed | {"login": ["password"]})) == {"password": " two words "}
    assert login_of(Form(typed | {"login": ["agent"]})) == {"agent": True}
    assert login_of(Form(typed | {"login": ["key"]})) == {"private_key": "-----BEGIN\nkey\n"}


def test_a_port_that_is_none_is_refused_and_not_guessed() -> None:
    """Who mistypes 2222 reaches another server on 22."""
    assert [server_of(Form({"port": [port]}))["port"] for port in ("", "2222", "22 22")] == [22, 2222, "22 22"]


async def test_a_login_is_changed() -> None:
    """The new one goes to its door, and the answer has none of it."""
    services = Services({f"GET {SERVER}": server(), f"PUT {SERVER}/login": server(user="ops")})
    async with signed_in(services, DIALOG) as browser:
        asked = await browser.get("/servers/tokyo-1/login")
        assert 'value="callboard"' in asked.text
        done = await browser.post(
            "/servers/tokyo-1/login", data={"login": "password", "password": "hidden", "user": "ops"}
        )
    assert done.headers["x-location"] == "/servers/tokyo-1"
    assert "hidden" not in done.text + str(done.headers)
    assert services.asked == [(f"PUT {SERVER}/login", {"password": "hidden", "user": "ops"})]


async def test_a_script_is_put_there_and_read_back() -> None:
    """'Done' without what is there now has to be believed."""
    script = {"script_id": "greeter", "title": "", "latest_version": 4, "hash": "sha256:00"}
    placed = {"script_id": "greeter", "path": "/home/x/scripts/greeter.yaml", "hash": "sha256:abcdef", "size": 120}
    listed = {"items": [{**script, "created_at": NOW, "updated_at": NOW}]}
    answers = {f"GET {SERVER}": server(), f"GET {SCRIPTS}": listed, f"POST {SERVER}/push": placed}
    services = Services(answers)
    async with signed_in(services, DIALOG) as browser:
        assert "greeter · v4" in (await browser.get("/servers/tokyo-1/push")).text
        shown = (await browser.post("/servers/tokyo-1/push", data={"script_id": "greeter", "version": ""})).text
        assert "/home/x/scripts/greeter.yaml" in shown and "abcdef" in shown and "120 B" in shown
        await browser.post("/servers/tokyo-1/push", data={"script_id": "greeter", "version": "3"})
        await browser.post("/servers/tokyo-1/push", data={"script_id": "greeter", "version": "3rd"})
    assert [body["version"] for _, body in services.asked] == [None, 3, "3rd"]


async def test_a_machine_that_is_no_node_yet_can_join() -> None:
    """Without a token the first installation fails at its third step; who may give none out upgrades only."""
    installation = {"state": "running", "step": "connect", "version": "1", "started_at": NOW, "finished_at": None}
    given = {"token": "cb-join-1", "node_id": "tokyo-1", "labels": {}, "expires_at": NOW}
    answers = {f"GET {SERVER}": server(), f"POST {SERVER}/install": {**installation, "detail": None}}
    services = Services(answers | {f"POST {ENROLMENTS}": given})
    settings = {"CALLBOARD_TELEGRAM__API_ID": "1"}
    for role, joins in ((Role.ADMIN, {"join_token": "cb-join-1"}), (Role.OPERATOR, {})):
        services.role = role
        async with signed_in(services) as browser:
            await browser.post("/servers/tokyo-1/install", data={"settings": "CALLBOARD_TELEGRAM__API_ID=1"})
            assert services.asked[-1] == (f"POST {SERVER}/install", {"settings": settings} | joins)
            await browser.post("/servers/tokyo-1/install", data={"settings": ""})
            assert [body for _, body in services.asked][-1] == {"settings": None}
