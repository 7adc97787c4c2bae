"""The HTTP doors of servers: what they answer, and how they refuse. The servers are in memory."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.deployer.api.servers import PREFIX
from services.deployer.domain.installations import Installation, InstallState
from services.deployer.domain.logins import PasswordLogin
from services.deployer.use_cases.install_agent import DEADLINE
from tests.support.waiting import until
from tests.unit.deployer.making import START, new_script
from tests.unit.deployer.servers_office import BODY, KEY, OTHER, PLANTED, Office


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    """An office with one host, `tokyo`."""
    office = Office()
    yield office
    await office.http.aclose()


def refused(answer: httpx.Response, status: int, slug: str) -> str:
    """What the operator is told."""
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:callboard:problem:{slug}"), answer.text
    assert PLANTED not in answer.text
    return str(answer.json()["detail"])


async def test_a_new_server_shows_its_key_and_waits(office: Office) -> None:
    """A login would go out to a host that nobody has looked at."""
    added = await office.http.post(PREFIX, json=BODY)
    assert added.status_code == 201
    assert added.json()["state"] == "unconfirmed"
    assert added.json()["host_key"]["fingerprint"] == KEY.fingerprint
    assert added.json()["login"] == "password"
    for method, path in (("POST", "test"), ("GET", "status"), ("POST", "push")):
        body = {"script_id": "greeter"} if path == "push" else None
        answer = await office.http.request(method, PREFIX + f"/tokyo-1/{path}", json=body)
        if path != "push":
            assert KEY.fingerprint in refused(answer, 409, "server-not-confirmed")
    assert KEY.fingerprint in refused(
        await office.http.post(PREFIX + "/tokyo-1/confirm", json={"fingerprint": OTHER.fingerprint}),
        409,
        "fingerprint-differs",
    )


async def test_a_confirmed_server_is_used(office: Office) -> None:
    """Nothing of the API would be of use."""
    async with office.store.begin() as transaction:
        await transaction.scripts.add(new_script(), START)
    await office.confirmed()
    assert (await office.http.post(PREFIX + "/tokyo-1/test")).json()["latency_ms"] > 0
    status = (await office.http.get(PREFIX + "/tokyo-1/status")).json()
    assert (status["reachable"], status["agent"]["running"]) == (True, False)
    pushed = (await office.http.post(PREFIX + "/tokyo-1/push", json={"script_id": "greeter"})).json()
    assert pushed["path"] == ".callboard/scripts/greeter.yaml"
    assert office.host.files == {".callboard/scripts/greeter.yaml": b"ours"}
    refused(await office.http.post(PREFIX + "/tokyo-1/push", json={"script_id": "other"}), 404, "no-such-script")
    refused(
        await office.http.post(PREFIX + "/tokyo-1/push", json={"script_id": "greeter", "version": 7}),
        404,
        "no-such-version",
    )


async def test_a_login_is_changed_where_the_server_stays_as_it_is(office: Office) -> None:
    """A changed password would cost the confirmed host key, the link and the history of the server."""
    await office.confirmed()
    office.host.let_in = {PasswordLogin(PLANTED + "2")}
    refused(await office.http.post(PREFIX + "/tokyo-1/test"), 424, "login-refused")
    changed = await office.http.put(PREFIX + "/tokyo-1/login", json={"password": PLANTED + "2", "user": "ops"})
    assert changed.status_code == 200 and PLANTED not in changed.text
    assert (changed.json()["user"], changed.json()["state"]) == ("ops", "confirmed")
    assert (await office.http.post(PREFIX + "/tokyo-1/test")).status_code == 200
    assert (await office.http.put(PREFIX + "/tokyo-1/login", json={"agent": True})).json()["login"] == "agent"
    broken = {"private_key": PLANTED}
    refused(await office.http.put(PREFIX + "/tokyo-1/login", json=broken), 422, "key-unreadable")
    refused(await office.http.put(PREFIX + "/osaka-1/login", json={"agent": True}), 404, "no-such-server")


async def test_a_login_is_in_no_answer(office: Office) -> None:
    """Whoever may read the fleet could log in on its machines."""
    await office.confirmed()
    for path in ("", "/tokyo-1", "/tokyo-1/status"):
        answer = await office.http.get(PREFIX + path)
        assert answer.status_code == 200
        assert PLANTED not in answer.text


@pytest.mark.parametrize(
    "login",
    [
        {"password": [PLANTED]},
        {"password": PLANTED, "agent": True},
        {"private_key": PLANTED * 2000},
        {"passphrase": PLANTED},
        {"password": PLANTED + "\0"},
        {"pasword": PLANTED},
        {},
    ],
)
async def test_a_mistaken_login_is_not_repeated(office: Office, login: dict[str, Any]) -> None:
    """The answer to a mistake is what ends up in a ticket."""
    refused(await office.http.post(PREFIX, json=BODY | {"login": login}), 422, "invalid-request")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "-oProxyCommand=id"),
        ("host", "a b"),
        ("user", "-l"),
        ("user", "root;id"),
        ("directory", "../elsewhere"),
        ("directory", "a/../../b"),
        ("directory", "a b"),
        ("directory", "$(id)"),
        ("directory", "a\nb"),
        ("port", 0),
        ("server_id", "../x"),
    ],
)
async def test_what_a_shell_or_a_path_would_take_otherwise_is_refused(office: Office, field: str, value: Any) -> None:
    """A name would become an option or a command on the way to the server."""
    refused(await office.http.post(PREFIX, json=BODY | {field: value}), 422, "invalid-request")


async def test_a_host_that_shows_no_key_is_not_stored(office: Office) -> None:
    """A server that was never there would be in the list."""
    refused(await office.http.post(PREFIX, json=BODY | {"host": "nowhere"}), 424, "server-unreachable")
    assert (await office.http.get(PREFIX)).json()["items"] == []


async def test_names_and_links_are_taken_once(office: Office) -> None:
    """One server's login would be sent to another, or two links would take each other's messages."""
    linked = BODY | {"node_id": "node-a", "link": True}
    assert (await office.http.post(PREFIX, json=linked)).status_code == 201
    refused(await office.http.post(PREFIX, json=BODY), 409, "server-exists")
    refused(await office.http.post(PREFIX, json=linked | {"server_id": "tokyo-2"}), 409, "link-exists")
    refused(await office.http.post(PREFIX, json=BODY | {"server_id": "tokyo-3", "link": True}), 422, "invalid-request")


async def test_a_changed_key_has_to_be_confirmed_again(office: Office) -> None:
    """A scan would pin whatever stands there now."""
    await office.confirmed()
    office.host.key = OTHER
    refused(await office.http.post(PREFIX + "/tokyo-1/test"), 424, "host-key-changed")
    scanned = (await office.http.post(PREFIX + "/tokyo-1/scan")).json()
    assert (scanned["state"], scanned["host_key"]["fingerprint"]) == ("unconfirmed", OTHER.fingerprint)
    refused(await office.http.post(PREFIX + "/tokyo-1/test"), 409, "server-not-confirmed")
    assert (
        await office.http.post(PREFIX + "/tokyo-1/confirm", json={"fingerprint": OTHER.fingerprint})
    ).status_code == 200
    assert (await office.http.post(PREFIX + "/tokyo-1/test")).status_code == 200
    again = (await office.http.post(PREFIX + "/tokyo-1/scan")).json()
    assert again["state"] == "confirmed"


async def test_a_removed_server_is_gone(office: Office) -> None:
    """Its login would live on."""
    await office.confirmed()
    assert (await office.http.delete(PREFIX + "/tokyo-1")).status_code == 200
    for method, path in (
        ("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/status"), ("POST", "/scan"),
    ):  # fmt: skip
        refused(await office.http.request(method, PREFIX + f"/tokyo-1{path}"), 404, "no-such-server")


async def test_a_server_that_refuses_says_why(office: Office) -> None:
    """An operator would be told of an internal error."""
    async with office.store.begin() as transaction:
        await transaction.scripts.add(new_script(), START)
    await office.confirmed()
    office.host.free = 1
    refused(await office.http.post(PREFIX + "/tokyo-1/push", json={"script_id": "greeter"}), 424, "disk-full")
    office.host.let_in.clear()
    refused(await office.http.post(PREFIX + "/tokyo-1/test"), 424, "login-refused")


NODE = BODY | {"node_id": "node-a", "link": True}
SETTINGS = {"CALLBOARD_TELEGRAM__API_ID": "1", "CALLBOARD_TELEGRAM__API_HASH": PLANTED}


async def test_an_agent_is_installed_while_the_operator_waits(office: Office) -> None:
    """A request would hang for minutes, and a proxy in between would end it."""
    await office.confirmed(NODE)
    refused(await office.http.get(PREFIX + "/tokyo-1/install"), 404, "no-installation")
    begun = await office.http.post(PREFIX + "/tokyo-1/install", json={"settings": SETTINGS})
    assert (begun.status_code, begun.json()["state"]) == (202, "running")

    async def has_ended() -> Any:
        found = (await office.http.get(PREFIX + "/tokyo-1/install")).json()
        return found if found["state"] != "running" else None

    ended = await until(has_ended, "the installation ends")
    assert (ended["state"], ended["version"], ended["trouble"]) == ("succeeded", "0.1.0+1", None)
    assert office.ssh.installed == [SETTINGS | {"CALLBOARD_TRANSPORT": "folder", "CALLBOARD_NODE_ID": "node-a"}]
    assert (await office.http.get(PREFIX + "/tokyo-1/status")).json()["agent"]["version"] == "0.1.0+1"


async def test_an_installation_that_fails_says_why(office: Office) -> None:
    """An operator would wait for something that is over."""
    await office.confirmed(NODE)
    office.host.let_in.clear()
    await office.http.post(PREFIX + "/tokyo-1/install", json={})

    async def has_failed() -> Any:
        found = (await office.http.get(PREFIX + "/tokyo-1/install")).json()
        return found if found["state"] == "failed" else None

    failed = await until(has_failed, "the installation fails")
    assert failed["trouble"] == "login-refused" and failed["detail"]


async def test_one_installation_at_a_time_and_none_for_ever(office: Office) -> None:
    """Two would step on each other's feet; one whose deployer died would keep all others away."""
    await office.confirmed(NODE)
    now = office.clock.now()
    running = Installation(InstallState.RUNNING, "upload", "0", now, now + DEADLINE)
    async with office.store.begin() as transaction:
        await transaction.servers.note_installation("tokyo-1", running)
    refused(await office.http.post(PREFIX + "/tokyo-1/install", json={}), 409, "install-runs")
    await office.clock.run_for(DEADLINE.total_seconds())
    lost = (await office.http.get(PREFIX + "/tokyo-1/install")).json()
    assert (lost["state"], lost["trouble"]) == ("failed", "install-failed")
    assert (await office.http.post(PREFIX + "/tokyo-1/install", json={})).status_code == 202


async def test_an_agent_needs_a_node(office: Office) -> None:
    """It would start as nobody."""
    await office.confirmed()
    refused(await office.http.post(PREFIX + "/tokyo-1/install", json={}), 409, "server-has-no-node")


@pytest.mark.parametrize(
    "settings",
    [
        {"PATH": PLANTED},
        {"CALLBOARD_NODE_ID": PLANTED},
        {"CALLBOARD_STATE_DIR": PLANTED},
        {"CALLBOARD_X": PLANTED + "\0"},
        {"CALLBOARD_X": [PLANTED]},
        {},
    ],
)
async def test_settings_that_are_none_are_refused(office: Office, settings: dict[str, Any]) -> None:
    """A setting would change what the server's user runs, or which node it is."""
    await office.confirmed(NODE)
    answer = await office.http.post(PREFIX + "/tokyo-1/install", json={"settings": settings})
    refused(answer, 422, "invalid-request")
