"""What the tests of the page do behind its back: nodes and accounts that they move as they like."""

import base64
import json
import time
import urllib.error
import urllib.request

import httpx

from services.cli.paths import DEPLOYMENTS
from tests.support.demo import Demo
from tests.support.stack import Stack

RAW = "application/octet-stream"
MARKUP = "<img src=x onerror=alert(1)>"
# A node that has what nobody has ordered, and a script that strays.
ADOPTED = "restored-from-a-copy"
ASTRAY = "id: astray\nchats: ['@my_chat']\nscenes: {a: {triggers: [{command: /a}], steps: [{reply: b}]}}\n"


def call(stack: Stack, method: str, path: str, body: object = None, media_type: str = "application/json") -> object:
    """What the API answers."""
    content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    headers = {"authorization": f"Bearer {stack.token}", "content-type": media_type}
    request = urllib.request.Request(stack.url + path, content if body is not None else None, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def beat(stack: Stack, node_id: str, **fields: object) -> None:
    """A worker over HTTP reports: a node that the test moves as it likes."""
    call(stack, "POST", "/api/v1/workers/heartbeat", {"node_id": node_id, **fields})


def account(account_id: str, status: str = "online", **fields: object) -> dict[str, object]:
    """One account of such a worker."""
    return {"account_id": account_id, "status": status, **fields}


def new_login(stack: Stack, name: str, ended_by: str = "") -> bytes:
    """The session file of a new Telegram user of the sandbox; `ended_by`: of one whose login this error has ended."""
    with httpx.Client(
        base_url=f"{stack.sandbox_url}/api/v1", headers={"authorization": f"Bearer {stack.token}"}
    ) as sandbox:
        user = sandbox.post("/users", json={"first_name": name, "username": name}).raise_for_status().json()
        made = sandbox.post("/sessions", json={"user_id": user["user_id"]}).raise_for_status().json()
        if ended_by:
            sandbox.post(f"/sessions/{made['key_id']}/kill", json={"error": ended_by}).raise_for_status()
    return base64.b64decode(made["session_file"])


def new_phone(stack: Stack, name: str, phone: str) -> None:
    """A new Telegram user of the sandbox, who has this number and no login yet."""
    _sandbox(stack, "POST", "/users", {"first_name": name, "username": name, "phone": phone})


def code_for(stack: Stack, phone: str) -> str:
    """The code that Telegram has sent to a number."""
    return str(_sandbox(stack, "GET", f"/codes/{phone}")["code"])


def _sandbox(stack: Stack, method: str, path: str, body: object = None) -> dict[str, object]:
    headers = {"authorization": f"Bearer {stack.token}"}
    answer = httpx.request(method, f"{stack.sandbox_url}/api/v1{path}", json=body, headers=headers)
    told: dict[str, object] = answer.raise_for_status().json()
    return told


def assign(stack: Stack, account_id: str, node_id: str) -> None:
    """Give an account whose login was just uploaded to a node; the registry hears of a login a moment later."""
    deadline = time.monotonic() + 30
    while True:
        try:
            call(stack, "POST", f"/api/v1/group-ai/sessions/{account_id}/assign", {"node_id": node_id})
        except urllib.error.HTTPError as error:
            assert error.code == 404 and time.monotonic() < deadline, f"{account_id} cannot be assigned: {error}"
            time.sleep(0.1)
        else:
            return


def until_pushed(stack: Stack) -> None:
    """Wait for the first script."""
    deadline = time.monotonic() + 60
    while not dict(call(stack, "GET", DEPLOYMENTS))["items"]:  # type: ignore[call-overload]
        assert time.monotonic() < deadline, "the first script was not pushed"
        time.sleep(0.1)


def until_reported(stack: Stack, node_id: str, script_id: str) -> None:
    """Wait until the registry knows what a node has loaded; the deployer hears of it first, from the order's result."""
    deadline = time.monotonic() + 30
    while True:
        node = dict(call(stack, "GET", f"/api/v1/workers/{node_id}"))  # type: ignore[call-overload]
        if any(one["id"] == script_id for one in node["artifacts"]):
            return
        assert time.monotonic() < deadline, f"{node_id} has not reported {script_id}: {node['artifacts']}"
        time.sleep(0.1)


def lead_astray(demo: Demo) -> None:
    """Make drift of both kinds: a node has what nobody has ordered, another one lost what it should have."""
    stack = demo.stack()
    # Were ours the first deployment, `callboard up` would push no script of its own.
    until_pushed(stack)
    stored = call(stack, "POST", "/api/v1/group-ai/scripts", ASTRAY, "application/yaml")
    assert isinstance(stored, dict)
    beat(stack, ADOPTED, artifacts=[{"id": "astray", "version": 1, "hash": stored["hash"], "tests_passed": True}])
    body = {"node_ids": ["demo-b"], "rollout": {"drift": "report"}}
    call(stack, "POST", "/api/v1/group-ai/script-deployment/deploy/astray", body)
    file = demo.home / "agents" / "demo-b" / "state" / "scripts" / "astray.yaml"
    deadline = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} did not come"
        time.sleep(0.05)
    file.write_text("id: something-else\n", "utf-8")
