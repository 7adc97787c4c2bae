"""The API on real rows: filters, pages, workers over HTTP, and what every kind of bad input is told."""

from typing import Any

import httpx

from tests.integration.registry.conftest import Node, Running
from tests.unit.registry.builders import account, beat

ROW = [
    "account_id",
    "node_id",
    "source",
    "status",
    "status_reason",
    "status_since",
    "script_id",
    "script_version",
    "script_hash",
    "message_count",
    "reply_count",
    "uncertain_count",
    "last_activity",
    "session_file",
    "session_version",
    "epoch",
    "assignment",
    "assigned_to",
    "target",
    "stranded",
    "updated_at",
]

HEARTBEAT = {
    "node_id": "worker-1",
    "status": "online",
    "account_count": 1,
    "accounts": [
        {
            "account_id": "a",
            "status": "online",
            "script_id": "welcome",
            "message_count": 3,
            "reply_count": 2,
            "last_activity": "2026-01-01T00:00:00Z",
            "session_file": "a.session",
        }
    ],
}


async def test_a_worker_over_http_is_a_node_like_others(registry: Running) -> None:
    """The user's existing workers would have to be rewritten."""
    response = await registry.api.post("/api/v1/workers/heartbeat", json=HEARTBEAT)
    assert response.json() == {"node_id": "worker-1", "lease_seconds": 30, "commands": []}
    row = await registry.get("/api/v1/group-ai/accounts/a")
    assert list(row) == ROW
    assert (row["node_id"], row["status"], row["reply_count"]) == ("worker-1", "online", 2)
    await registry.api.post("/api/v1/workers/heartbeat", json=HEARTBEAT | {"account_count": 0, "accounts": []})
    assert await registry.accounts() == {}
    worker = await registry.get("/api/v1/workers/worker-1")
    assert (worker["status"], worker["account_count"], worker["boot"]) == ("online", 0, 0)


async def test_a_node_on_the_bus_cannot_be_driven_over_http(registry: Running, node: Node) -> None:
    """Two programs with one name would overwrite each other's accounts."""
    await node.bus.publish(beat(1, account("a")))
    await node.lease(1)
    response = await registry.api.post("/api/v1/workers/heartbeat", json=HEARTBEAT | {"node_id": "n"})
    assert response.status_code == 409
    assert response.json()["type"].endswith("node-reports-over-the-bus")
    assert "over the message bus" in response.json()["detail"]


async def test_pages_hold_every_row_once(registry: Running) -> None:
    """A list longer than a page would repeat or lose accounts."""
    accounts = [{"account_id": f"a{number}", "status": "online"} for number in range(7)]
    for node_id in ("w1", "w2"):
        body = {"node_id": node_id, "status": "online", "accounts": accounts}
        await registry.api.post("/api/v1/workers/heartbeat", json=body)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 4}
    for _ in range(4):
        page = await registry.get("/api/v1/group-ai/accounts", **query)
        seen += [f"{row['node_id']}/{row['account_id']}" for row in page["items"]]
        query["cursor"] = page["next_cursor"]
    assert page["next_cursor"] is None
    assert seen == [f"{node_id}/a{number}" for node_id in ("w1", "w2") for number in range(7)]
    first = await registry.get("/api/v1/workers", limit=1)
    second = await registry.get("/api/v1/workers", limit=1, cursor=first["next_cursor"])
    assert [page["items"][0]["node_id"] for page in (first, second)] == ["w1", "w2"]
    assert second["next_cursor"] is None


async def test_filters_and_summary(registry: Running) -> None:
    """The console's filters and its totals would show something else than the rows."""
    await registry.api.post("/api/v1/workers/heartbeat", json=HEARTBEAT)
    failed = [{"account_id": "b", "status": "error"}, {"account_id": "c", "status": "waiting"}]
    await registry.api.post("/api/v1/workers/heartbeat", json={"node_id": "w2", "status": "online", "accounts": failed})
    for query, found in (
        ({"node_id": "w2"}, ["b", "c"]),
        ({"status": ["error", "online"]}, ["a", "b"]),
        ({"script_id": "welcome"}, ["a"]),
        ({"q": "WORKER"}, ["a"]),
        ({"source": "local"}, []),
    ):
        page = await registry.get("/api/v1/group-ai/accounts", **query)
        assert sorted(row["account_id"] for row in page["items"]) == found, query
    summary = await registry.get("/api/v1/group-ai/accounts/summary")
    assert summary["nodes"] == {"online": 2, "offline": 0}
    assert (summary["accounts"]["error"], summary["message_count"], summary["reply_count"]) == (1, 3, 2)


BAD_HEARTBEATS: list[tuple[dict[str, Any], str]] = [
    ({"surprise": 1}, "body.surprise"),
    ({"accounts": [{"account_id": "a", "status": "online", "session_file": "a\0b"}]}, "body.accounts.0.session_file"),
    ({"accounts": [{"account_id": "a", "status": "online", "message_count": True}]}, "body.accounts.0.message_count"),
    ({"accounts": [{"account_id": "a", "status": "online", "message_count": 2**63}]}, "body.accounts.0.message_count"),
    ({"accounts": [{"account_id": "a", "status": "online", "last_activity": 5}]}, "body.accounts.0.last_activity"),
    ({"node_id": "Not.A.Node"}, "body.node_id"),
    ({"status": "fine"}, "body.status"),
    ({"account_count": 2}, "body"),
    ({"accounts": [{"account_id": "a", "status": "online", "color": "red"}]}, "body.accounts.0.color"),
    ({"accounts": [{"account_id": "a", "status": "online", "message_count": -1}]}, "body.accounts.0.message_count"),
    ({"accounts": [{"account_id": "a", "status": "online"}] * 2, "account_count": 2}, "body"),
    ({"accounts": [{"account_id": "a b", "status": "online"}]}, "body.accounts.0.account_id"),
]


async def test_a_bad_heartbeat_is_refused_with_the_fields_path(registry: Running) -> None:
    """A worker with a bug would be recorded half, or its author left to guess."""
    for change, field in BAD_HEARTBEATS:
        response = await registry.api.post("/api/v1/workers/heartbeat", json=HEARTBEAT | change)
        assert response.status_code == 422, change
        assert response.headers["content-type"] == "application/problem+json"
        assert field in [error["field"] for error in response.json()["errors"]], change
    assert await registry.accounts() == {}


BAD_QUESTIONS = [
    ("/api/v1/group-ai/accounts?cursor=nonsense", 422, "query.cursor"),
    ("/api/v1/group-ai/accounts?cursor=WyJhIl0", 422, "query.cursor"),
    ("/api/v1/group-ai/accounts?cursor=WyJcdTAwMDAiLCAiYSJd", 422, "query.cursor"),
    ("/api/v1/group-ai/accounts?limit=0", 422, "query.limit"),
    ("/api/v1/group-ai/accounts?limit=1001", 422, "query.limit"),
    ("/api/v1/group-ai/accounts?status=fine", 422, "query.status"),
    ("/api/v1/group-ai/accounts?source=moon", 422, "query.source"),
    ("/api/v1/group-ai/accounts?q=%00", 422, "query.q"),
    (
        "/api/v1/group-ai/accounts?statsu=online",
        422,
        "query.statsu: there is no such parameter: did you mean 'status'?",
    ),
    ("/api/v1/group-ai/accounts?node_id=a&node_id=b", 422, "query.node_id: is given 2 times"),
    ("/api/v1/group-ai/accounts/nobody", 404, "no node reports an account 'nobody'"),
    ("/api/v1/group-ai/accounts/nobody?node_id=n", 404, "node 'n' reports no account 'nobody'"),
    ("/api/v1/group-ai/accounts/nobody/changes", 404, "no node reports an account 'nobody'"),
    ("/api/v1/group-ai/accounts/%20", 422, "path.account_id"),
    ("/api/v1/workers/nobody", 404, "no node 'nobody' has ever reported"),
    ("/api/v1/workers/Not.A.Node", 422, "path.node_id: must be 1 to 63 characters"),
    ("/api/v1/events?types=%00", 422, "query.types"),
]


async def test_bad_questions_get_an_answer_that_helps(registry: Running) -> None:
    """Bad input would end in an internal error, or in an empty list that looks like an answer."""
    for path, status, words in BAD_QUESTIONS:
        response = await registry.api.get(path)
        assert response.status_code == status, path
        assert words in response.json()["detail"], path


async def test_a_value_that_cannot_be_stored_is_the_workers_mistake(registry: Running) -> None:
    """A worker with a broken clock would be told that Callboard is at fault."""
    accounts = [{"account_id": "a", "status": "online", "last_activity": "0001-01-01T00:00:00+14:00"}]
    response = await registry.api.post("/api/v1/workers/heartbeat", json=HEARTBEAT | {"accounts": accounts})
    assert response.status_code == 422
    assert "years 1 to 9999" in response.json()["detail"]


async def test_nothing_is_shown_without_the_token(registry: Running) -> None:
    """Anyone on the network would see the operator's accounts."""
    async with httpx.AsyncClient(base_url=registry.api.base_url) as stranger:
        for path in ("workers", "group-ai/accounts", "group-ai/accounts/summary", "events"):
            assert (await stranger.get(f"/api/v1/{path}")).status_code == 401
        assert (await stranger.get("/health/live")).status_code == 200


async def test_a_body_of_fifty_megabytes_is_refused(registry: Running) -> None:
    """One request would fill the registry's memory."""
    response = await registry.api.post("/api/v1/workers/heartbeat", content=b"x" * 50_000_000)
    assert response.status_code == 413
