"""Whom the doors let in, for what, and what the audit log says about it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, Request
from pydantic import SecretStr
from structlog.testing import capture_logs

from shared.audit.chain import Phase, Walk
from shared.audit.log import InMemoryAuditLog
from shared.clock import VirtualClock
from shared.contracts.roles import Actor, Role
from shared.http import Problem, create_api
from shared.http.fields import Body
from shared.http.recording import not_recorded
from shared.http.roles import actor_of, requires, speaks_for
from shared.http.signing_in import named
from shared.messaging import Unavailable

TOKEN = "a-token-for-these-tests"
PLANTED = "planted-5e1c7"


class Order(Body):
    """An order with a secret in it."""

    name: str = ""
    node_ids: list[str] = []  # noqa: RUF012 -- pydantic copies it
    password: str = ""


def things(done: list[str]) -> APIRouter:
    """A door for each role; `done` has what was carried out."""
    router = APIRouter(prefix="/things", tags=["things"])

    @router.get("/{thing}")
    async def read_thing(thing: str, request: Request) -> str:
        return actor_of(request).name

    @router.post("/{thing}")
    async def change_thing(thing: str, order: Order) -> dict[str, str]:
        done.append(thing)
        return {"id": thing, "token": PLANTED}

    @router.put("/{thing}")
    async def upload_thing(thing: str, request: Request) -> int:
        return len([piece async for piece in request.stream()])

    @router.delete("/{thing}")
    async def fail_over_thing(thing: str) -> None:
        raise Problem(409, "stuck", "it does not go") if thing == "stuck" else RuntimeError("a bug")

    @router.get("/{thing}/secret", dependencies=[Depends(requires(Role.ADMIN))])
    async def read_secret(thing: str) -> dict[str, str]:
        return {"secret": PLANTED}

    @router.get("/{thing}/list", dependencies=[Depends(requires(Role.ADMIN)), Depends(not_recorded)])
    async def list_secrets(thing: str) -> int:
        return 0

    @router.post("/nodes/{node_id}/beat", dependencies=[Depends(requires(Role.NODE))])
    async def beat(node_id: str) -> str:
        return node_id

    @router.post("/beat/by-body", dependencies=[Depends(requires(Role.NODE))])
    async def beat_by_body(request: Request, order: Order) -> str:
        speaks_for(request, order.name)
        return order.name

    return router


class Door:
    """The doors with everything behind them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.audit = InMemoryAuditLog("things", VirtualClock())

        async def ready() -> list[str]:
            return []

        self.api = create_api(
            "things",
            version="1",
            token=SecretStr(TOKEN),
            audit=self.audit,
            routers=[things(self.done)],
            ready=ready,
        )
        transport = httpx.ASGITransport(self.api, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://door")

    async def ask(self, actor: Actor | None, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask as the origin asks for somebody; None for root."""
        headers = [(b"authorization", f"Bearer {TOKEN}".encode()), *(named(actor) if actor else [])]
        return await self.http.request(method, f"/things/{path}", headers=headers, **more)

    @property
    def told(self) -> list[tuple[Any, ...]]:
        """The audit log, in short."""
        return [(row.phase.value, row.actor, row.method, row.subject, row.status) for row in self.audit.rows]


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """The doors."""
    found = Door()
    yield found
    await found.http.aclose()


VIEWER, OPERATOR, ADMIN = (Actor(role.value, role) for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN))
NODE = Actor("node:n", Role.NODE, "n")


@pytest.mark.parametrize(
    ("method", "path", "let_in"),
    [
        ("GET", "7", {VIEWER, OPERATOR, ADMIN}),
        ("HEAD", "7", {VIEWER, OPERATOR, ADMIN}),
        ("POST", "7", {OPERATOR, ADMIN}),
        ("GET", "7/secret", {ADMIN}),
        ("HEAD", "7/secret", {ADMIN}),
        ("GET", "7/list", {ADMIN}),
        ("POST", "nodes/n/beat", {ADMIN, NODE}),
        ("POST", "nodes/m/beat", {ADMIN}),
    ],
)
async def test_each_role_opens_its_own_doors(door: Door, method: str, path: str, let_in: set[Actor]) -> None:
    """A viewer could change the fleet, or a node read it or speak as another one."""
    for actor in (VIEWER, OPERATOR, ADMIN, NODE):
        answer = await door.ask(actor, method, path, json={} if method == "POST" else None)
        assert answer.status_code == (200 if actor in let_in else 403), actor
        if answer.status_code == 403 and method != "HEAD":
            assert answer.json()["type"] == "urn:callboard:problem:not-allowed"


async def test_a_node_that_names_itself_in_the_body_is_held_to_it(door: Door) -> None:
    """A stolen credential would report accounts of every node."""
    assert (await door.ask(NODE, "POST", "beat/by-body", json={"name": "n"})).status_code == 200
    assert (await door.ask(NODE, "POST", "beat/by-body", json={"name": "m"})).status_code == 403


async def test_without_an_actor_the_services_token_is_root(door: Door) -> None:
    """Services, and an installation without tokens yet, could do nothing."""
    assert (await door.ask(None, "GET", "7")).json() == "root"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-callboard-role": "admin"},
        {"x-callboard-actor": "ana"},
        {"x-callboard-actor": "ana", "x-callboard-role": "king"},
        {"x-callboard-actor": "a b", "x-callboard-role": "admin"},
        {"x-callboard-actor": "node:n", "x-callboard-role": "node"},
        {"x-callboard-actor": "ana", "x-callboard-role": "viewer", "x-callboard-node": "n"},
        {"x-callboard-actor": "node:N", "x-callboard-role": "node", "x-callboard-node": "N"},
        {"x-callboard-else": "1"},
    ],
)
async def test_half_an_actor_is_nobody(door: Door, headers: dict[str, str]) -> None:
    """What the origin means and does not say whole would be done in root's name."""
    headers = {"authorization": f"Bearer {TOKEN}", **headers}
    assert (await door.http.get("/things/7", headers=headers)).status_code == 401


async def test_the_actor_is_believed_from_nobody_else(door: Door) -> None:
    """Whoever reaches a service could name themselves an admin."""
    headers = {"authorization": "Bearer of-somebody", "x-callboard-actor": "ana", "x-callboard-role": "admin"}
    assert (await door.http.get("/things/7", headers=headers)).status_code == 401


async def test_a_change_has_its_intent_and_its_outcome(door: Door) -> None:
    """What was done could not be told from what was only tried, or nobody would know by whom."""
    order = {"name": "x", "node_ids": ["a", "b"], "password": PLANTED}
    answer = await door.ask(OPERATOR, "POST", "7", json=order)
    intent, outcome = door.audit.rows
    assert (intent.phase, outcome.phase) == (Phase.INTENT, Phase.OUTCOME)
    assert (intent.actor, intent.role, intent.method) == ("operator", "operator", "POST")
    assert (intent.route, intent.path, intent.subject) == ("/things/{thing}", "/things/7", {"thing": "7"})
    assert intent.fields == {"name": "x", "node_ids": ["a", "b"]}
    assert (intent.status, outcome.status, outcome.fields) == (None, 200, {"id": "7"})
    assert intent.request_id == outcome.request_id == answer.headers["x-request-id"]
    assert intent.body_hash is not None and intent.body_hash == outcome.body_hash
    assert PLANTED not in json.dumps([str(row) for row in door.audit.rows])
    assert Walk().on(door.audit.rows) is None


async def test_without_the_audit_log_nothing_is_done(door: Door) -> None:
    """A change could be hidden by taking the log away first."""
    door.audit.fail_with = Unavailable("away")
    answer = await door.ask(OPERATOR, "POST", "7", json={})
    assert (answer.status_code, door.done) == (503, [])
    assert (await door.ask(VIEWER, "GET", "7")).status_code == 200
    assert (await door.ask(VIEWER, "POST", "7", json={})).status_code == 403


async def test_a_change_whose_outcome_cannot_be_written_is_still_answered(door: Door) -> None:
    """The operator would be told that nothing was done, and do it twice."""

    async def only_the_intent(entry: Any) -> Any:
        if entry.phase is Phase.OUTCOME:
            raise Unavailable("away")
        return await InMemoryAuditLog.write(door.audit, entry)

    door.audit.write = only_the_intent  # type: ignore[method-assign]
    assert (await door.ask(OPERATOR, "POST", "7", json={})).status_code == 200
    assert [row.phase for row in door.audit.rows] == [Phase.INTENT]


async def test_what_the_role_does_not_allow_is_told(door: Door) -> None:
    """Somebody who tries every door would not be seen."""
    await door.ask(VIEWER, "POST", "7", json={})
    await door.ask(VIEWER, "GET", "7/secret")
    await door.ask(VIEWER, "GET", "7/list")
    await door.ask(NODE, "POST", "nodes/m/beat")
    assert door.told == [
        ("refused", "viewer", "POST", {"thing": "7"}, 403),
        ("refused", "viewer", "GET", {"thing": "7"}, 403),
        ("refused", "viewer", "GET", {"thing": "7"}, 403),
        ("refused", "node:n", "POST", {"node_id": "m"}, 403),
    ]
    assert {row.problem for row in door.audit.rows} == {"not-allowed"}


async def test_refusals_do_not_fill_the_log(door: Door) -> None:
    """A node that was told to go could write the disk full, and hide what it did in between."""
    for _ in range(150):
        await door.ask(VIEWER, "POST", "7", json={})
    await door.ask(OPERATOR, "POST", "7", json={})
    assert 90 <= len([row for row in door.told if row[0] == "refused"]) <= 105
    assert [row[0] for row in door.told][-2:] == ["intent", "outcome"]


async def test_reads_and_beats_are_not_told_and_secrets_that_are_read_are(door: Door) -> None:
    """The log would be all heartbeats, or silent about who took a login away."""
    await door.ask(VIEWER, "GET", "7")
    await door.ask(NODE, "POST", "nodes/n/beat")
    await door.ask(ADMIN, "GET", "7/list")
    assert door.told == []
    assert (await door.ask(ADMIN, "GET", "7/secret")).status_code == 200
    assert (await door.ask(ADMIN, "HEAD", "7/secret")).status_code == 200
    assert [row[:3] for row in door.told] == [("intent", "admin", "GET"), ("outcome", "admin", "GET")] * 2


async def test_failures_are_told_with_their_kind(door: Door) -> None:
    """A change that failed would look like one that was done."""
    assert (await door.ask(ADMIN, "DELETE", "stuck")).status_code == 409
    with capture_logs():  # else the traceback is drawn for seconds
        assert (await door.ask(ADMIN, "DELETE", "bug")).status_code == 500
    assert (await door.ask(ADMIN, "POST", "7", json={"nam": 1})).status_code == 422
    outcomes = [(row.status, row.problem) for row in door.audit.rows if row.phase is Phase.OUTCOME]
    assert outcomes == [(409, "stuck"), (500, None), (422, "invalid-request")]


async def test_what_is_not_understood_is_no_intent(door: Door) -> None:
    """The log would fill with slips of the pen."""
    assert (await door.ask(ADMIN, "POST", "7?x=1", json={})).status_code == 422
    assert door.told == []


@pytest.mark.parametrize("path", ["a%00b", "%ff", "%ED%A0%80", "x" * 3000])
async def test_odd_names_are_written_in_a_form_that_every_database_takes(door: Door, path: str) -> None:
    """One odd address would keep the log from being written, and with it the change from being seen."""
    body = json.dumps({"name": "a\0b\ud800" + "c" * 3000, "node_ids": ["n"] * 50})
    await door.ask(ADMIN, "POST", path, content=body)
    for row in door.audit.rows:
        written = json.dumps([row.path, row.subject, row.fields]).encode()
        assert b"\\u0000" not in written and b"\\ud800" not in written and len(written) < 3000


async def test_a_streamed_body_is_told_by_its_hash(door: Door) -> None:
    """Of an upload nobody could say later which one it was."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 10

    await door.ask(ADMIN, "PUT", "7", content=pieces())
    await door.ask(ADMIN, "PUT", "7", content=b"x" * 30)
    intent, streamed, _, whole = door.audit.rows
    assert (intent.body_hash, streamed.body_hash) == (None, whole.body_hash)
    assert streamed.body_hash is not None and streamed.body_hash.startswith("hmac-sha256:")


@pytest.mark.parametrize(("given", "kept"), [("7", True), ("a b", False), ("x" * 65, False), ("", False)])
async def test_a_request_keeps_the_id_that_it_came_with(door: Door, given: str, kept: bool) -> None:
    """What the client, the origin's log and the audit log say could not be brought together."""
    headers = {"authorization": f"Bearer {TOKEN}", "x-request-id": given}
    answered = (await door.http.post("/things/7", headers=headers, json={})).headers["x-request-id"]
    assert (answered == given) == kept
    assert {row.request_id for row in door.audit.rows} == {answered}


def test_the_document_says_which_role_each_operation_needs(door: Door) -> None:
    """An operator would learn it from a refusal."""
    paths = door.api.openapi()["paths"]
    assert paths["/things/{thing}"]["get"]["x-callboard-role"] == "viewer"
    assert paths["/things/{thing}"]["post"]["x-callboard-role"] == "operator"
    assert paths["/things/{thing}/secret"]["get"]["x-callboard-role"] == "admin"
    assert paths["/things/nodes/{node_id}/beat"]["post"]["x-callboard-role"] == "node"
    assert "403" in paths["/things/{thing}"]["get"]["responses"]
    assert "x-callboard-role" not in paths["/health/live"]["get"]
