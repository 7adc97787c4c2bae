"""Bad input at the doors of a running stack: a clear answer, and nothing lost."""

import json

import pytest

from tests.support.stack import Stack
from tests.support.waiting import until

SCRIPTS = "/api/v1/group-ai/scripts"
DEPLOY = "/api/v1/group-ai/script-deployment/deploy"
YAML = {"content-type": "application/yaml"}


async def test_nobody_enters_without_the_token(stack: Stack) -> None:
    """An open control plane is everybody's control plane."""
    async with stack.api(token="a-token-that-nobody-gave") as api:
        for path in ("/api/v1/workers", "/api/v1/group-ai/accounts", SCRIPTS, "/api/v1/events"):
            answer = await api.get(path)
            assert answer.status_code == 401, path
            assert "token" in answer.json()["detail"]


async def test_an_unknown_field_is_named_by_its_path(stack: Stack) -> None:
    """A misspelt field that is ignored does something else than was asked."""
    body = {"node_id": "n-1", "status": "online", "account_count": 0, "accounts": [], "colour": "red"}
    async with stack.api() as api:
        answer = await api.post("/api/v1/workers/heartbeat", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "body.colour" in [error["field"] for error in answer.json()["errors"]]


async def test_a_wrong_type_is_named_by_its_path(stack: Stack) -> None:
    """`true` for a list of nodes must not become a deployment to nobody or everybody."""
    async with stack.api() as api:
        answer = await api.post(f"{DEPLOY}/anything", json={"node_ids": True})
    assert answer.status_code == 422
    assert any("node_ids" in error["field"] for error in answer.json()["errors"])


async def test_a_slash_too_many_is_not_found_and_names_no_inner_address(stack: Stack) -> None:
    """A redirect would name the service behind the origin, which a client cannot reach."""
    async with stack.api() as api:
        answer = await api.get("/api/v1/workers/")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "location" not in answer.headers


async def test_a_body_of_fifty_megabytes_is_refused(stack: Stack) -> None:
    """Nobody gets to fill the memory of a service."""
    async with stack.api() as api:
        answer = await api.post(SCRIPTS, content=b"x" * 50_000_000, headers=YAML)
    assert answer.status_code == 413
    assert "limit" in answer.json()["detail"]


async def test_a_yaml_error_names_its_line(stack: Stack) -> None:
    """'Invalid script' sends an operator through two hundred lines."""
    async with stack.api() as api:
        answer = await api.post(SCRIPTS, content="id: broken\nchats: [\n", headers=YAML)
    assert answer.status_code == 422
    assert any(error["field"].startswith(("2:", "3:")) for error in answer.json()["errors"])


async def test_an_unknown_script_and_an_unknown_node_are_named(stack: Stack) -> None:
    """An order to a name that does not exist must not wait for ever for it."""
    async with stack.api() as api:
        answer = await api.post(f"{DEPLOY}/no-such-script", json={"node_ids": ["demo-a"]})
        assert answer.status_code == 404
        assert "no-such-script" in answer.json()["detail"]
        source = (
            "id: known\nchats: ['@callboard_demo']\nscenes: {a: {triggers: [{command: /a}], steps: [{reply: a}]}}\n"
        )
        assert (await api.post(SCRIPTS, content=source, headers=YAML)).status_code in (200, 201)
        answer = await api.post(f"{DEPLOY}/known", json={"node_ids": ["demo-z"]})
        assert answer.status_code == 422
        assert "demo-z" in answer.text


@pytest.mark.parametrize(
    ("routing_key", "payload", "said"),
    [
        ("node.demo-a.heartbeat", "{ this is not JSON", "invalid JSON"),
        ("node.demo-a.delivery", json.dumps({"node_id": "demo-a"}), "delivery_id"),
    ],
)
async def test_a_malformed_message_becomes_a_dead_letter_with_its_reason(
    stack: Stack, routing_key: str, payload: str, said: str
) -> None:
    """A message that vanishes cannot be mended."""
    await publish_by_hand(stack, routing_key, payload)

    async def found() -> bool:
        letters = (await stack.get("/api/v1/dead-letters", limit=100))["items"]
        return any(said in letter["reason"] and letter["routing_key"] == routing_key for letter in letters)

    await until(found, f"a dead letter that says {said!r}", 20)


async def test_a_report_for_another_node_becomes_a_dead_letter(stack: Stack) -> None:
    """A node that could speak for its neighbour could take it off the air."""
    beat = {
        "node_id": "demo-b",
        "boot": 9,
        "seq": 9,
        "ledger_id": "0" * 32,
        "full": True,
        "digest": "0" * 32,
        "account_count": 0,
        "sent_at": "2026-11-23T00:00:00Z",
    }
    await publish_by_hand(stack, "node.demo-a.heartbeat", json.dumps(beat))

    async def found() -> bool:
        letters = (await stack.get("/api/v1/dead-letters", limit=100))["items"]
        return any("'demo-b'" in letter["reason"] and "'demo-a'" in letter["reason"] for letter in letters)

    await until(found, "a dead letter that names both nodes", 20)


async def publish_by_hand(stack: Stack, routing_key: str, payload: str) -> None:
    """Publish to the events exchange as the management console does."""
    async with stack.management() as management:
        body = {"properties": {}, "routing_key": routing_key, "payload": payload, "payload_encoding": "string"}
        answer = await management.post("/api/exchanges/%2F/callboard.events/publish", json=body)
        assert answer.json() == {"routed": True}
