"""A small Callboard for the command line to talk to: the paths of the API, with answers that a test sets."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.problems import problem_response

TOKEN = "a-token-for-these-tests"
DEPLOYMENT = "dep_" + "0" * 32
HASH = "sha256:" + "ab" * 32


def node(name: str, **more: Any) -> dict[str, Any]:
    """A node as the registry lists it."""
    return {
        "node_id": name,
        "status": "online",
        "source": "remote",
        "hostname": f"{name}.example",
        "agent_version": "0.1.0",
        "labels": {"region": "tw"},
        "account_count": 3,
        "artifacts": [{"kind": "script", "id": "welcome", "version": 2, "hash": HASH, "tests_passed": True}],
        "last_heartbeat_at": "2026-01-01T00:00:00+00:00",
        **more,
    }


def account(name: str, **more: Any) -> dict[str, Any]:
    """An account as the registry lists it."""
    return {
        "account_id": name,
        "node_id": "node-a",
        "source": "remote",
        "status": "online",
        "status_reason": None,
        "script_id": "welcome",
        "script_version": 2,
        "message_count": 12,
        "reply_count": 5,
        "last_activity": None,
        **more,
    }


def deployment(state: str, *deliveries: tuple[str, str, str | None]) -> dict[str, Any]:
    """A deployment with its deliveries as (node, state, reason)."""
    totals: dict[str, int] = defaultdict(int)
    for _, delivery_state, _ in deliveries:
        totals[delivery_state] += 1
    return {
        "deployment_id": DEPLOYMENT,
        "script_id": "welcome",
        "version": 3,
        "hash": HASH,
        "state": state,
        "totals": dict(totals),
        "deliveries": [
            {"node_id": name, "state": one, "reason": why, "attempts": 1, "reported_hash": HASH, "updated_at": None}
            for name, one, why in deliveries
        ],
    }


@dataclass
class BackOffice:
    """What it has, and what it was asked. `course` is what a deployment's reader sees, look by look."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    letters: list[dict[str, Any]] = field(default_factory=list)
    drift: list[dict[str, Any]] = field(default_factory=list)
    # What a reader of an assignment, of an account and of a drain sees, look by look.
    assignments: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    drains: list[dict[str, Any]] = field(default_factory=list)
    course: list[dict[str, Any] | int] = field(default_factory=list)
    # Each connection's events as (id, type, data); when they are told, the stream ends.
    streams: list[list[tuple[str, str, str]]] = field(default_factory=list)
    stays_open: bool = False
    # The version that a pushed text has, and the newest one that there was before.
    stores_as: int = 3
    newest_version: int = 2
    refusal: Response | None = None
    # What the next requests are refused with, one after the other; None lets one pass.
    refusals: list[Response | None] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    resumed_from: list[str] = field(default_factory=list)
    # How many deliveries each look at a deployment asked for.
    limits: list[int] = field(default_factory=list)

    def api(self) -> FastAPI:
        """Its HTTP application."""
        api = FastAPI()

        @api.middleware("http")
        async def door(request: Request, call_next: Any) -> Response:
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return problem_response(401, "not-signed-in", "send the operator's token")
            self.asked.append((request.method, request.url.path))
            refusal = self.refusals.pop(0) if self.refusals else self.refusal
            if refusal is not None:
                return refusal
            answer: Response = await call_next(request)
            return answer

        api.post("/api/v1/workers/enrolments", status_code=201)(self._enrol)
        api.post("/api/v1/workers/{name}/revoke")(self._revoke)
        api.get("/api/v1/group-ai/keys")(self._keys)
        api.post("/api/v1/group-ai/keys/rotate")(self._keys)
        api.post("/api/v1/group-ai/keys/sign")(self._sign)
        api.get("/api/v1/workers")(self._list_nodes)
        api.get("/api/v1/workers/{name}")(self._one_node)
        api.get("/api/v1/group-ai/accounts")(self._list_accounts)
        api.get("/api/v1/group-ai/assignments")(self._list_assignments)
        for method in ("GET", "POST", "DELETE"):
            api.api_route("/api/v1/group-ai/accounts/{name}/assignment", methods=[method])(self._assignment)
            api.api_route("/api/v1/workers/{name}/drain", methods=[method])(self._drain)
        api.put("/api/v1/group-ai/accounts/{name}/policy")(self._assignment)
        api.put("/api/v1/workers/{name}/policy")(self._node_policy)
        api.get("/api/v1/group-ai/accounts/{name}")(self._one_account)
        api.get("/api/v1/dead-letters")(self._list_letters)
        api.post("/api/v1/dead-letters/{letter}/replay")(self._touch_letter)
        api.delete("/api/v1/dead-letters/{letter}")(self._touch_letter)
        api.post("/api/v1/group-ai/scripts", status_code=201)(self._store)
        api.get("/api/v1/group-ai/scripts/{script}")(self._versions)
        api.get("/api/v1/group-ai/scripts/{script}/versions/{version}")(self._script)
        api.post("/api/v1/group-ai/script-deployment/deploy/{script}", status_code=202)(self._deploy)
        api.get("/api/v1/group-ai/script-deployment/deployments/{name}")(self._deployment)
        api.post("/api/v1/group-ai/script-deployment/deployments/{name}/retry", status_code=202)(self._again)
        api.post("/api/v1/group-ai/script-deployment/deployments/{name}/rollback", status_code=202)(self._back)
        api.get("/api/v1/group-ai/script-deployment/drift")(self._list_drift)
        api.post("/api/v1/group-ai/script-deployment/drift/{name}/{script}/{how}")(self._settle_drift)
        api.get("/api/v1/events")(self._events)
        return api

    async def _enrol(self, request: Request) -> dict[str, Any]:
        await self._keep_body(request)
        asked = self.bodies[-1]
        given = {"enrolment_id": "enr_1", "token": "cb-join-1", "expires_at": "2026-01-01T02:00:00+00:00"}
        return given | {"node_id": asked["node_id"], "labels": asked["labels"]}

    async def _revoke(self, name: str) -> dict[str, Any]:
        return {"node_id": name, "revoked_at": "2026-01-01T00:00:00+00:00", "revoked_by": "ana"}

    async def _keys(self) -> dict[str, Any]:
        at = "2026-01-01T00:00:00+00:00"
        key = {"key_id": "0123456789abcdef", "purpose": "signing", "state": "current"}
        return {"serial": 3, "keys": [key | {"created_at": at, "changed_at": at}]}

    async def _sign(self, request: Request) -> dict[str, Any]:
        return {**await request.json(), "signature": {"key_id": "k", "value": "v"}}

    async def _list_nodes(self, limit: int = 100, cursor: str | None = None) -> dict[str, Any]:
        return _page(self.nodes, limit, cursor)

    async def _one_node(self, name: str) -> Any:
        found = [one for one in self.nodes if one["node_id"] == name]
        return found[0] if found else problem_response(404, "unknown-node", f"there is no node {name!r}")

    async def _list_accounts(self, request: Request, limit: int = 100, cursor: str | None = None) -> dict[str, Any]:
        self.bodies.append({name: value for name, value in request.query_params.items() if name != "limit"})
        return _page(self.accounts, limit, cursor)

    async def _list_assignments(self, request: Request, limit: int = 100, cursor: str | None = None) -> dict[str, Any]:
        self.bodies.append({name: value for name, value in request.query_params.items() if name != "limit"})
        return _page(self.assignments, limit, cursor)

    async def _assignment(self, request: Request) -> dict[str, Any]:
        await self._keep_body(request)
        return _next_of(self.assignments)

    async def _one_account(self, name: str) -> Any:
        return (
            _next_of(self.reports) if self.reports else problem_response(404, "unknown-account", "no node reports it")
        )

    async def _drain(self, request: Request) -> dict[str, Any]:
        await self._keep_body(request)
        return _next_of(self.drains)

    async def _node_policy(self, name: str, request: Request) -> dict[str, Any]:
        await self._keep_body(request)
        return {**self.nodes[0], **self.bodies[-1]}

    async def _keep_body(self, request: Request) -> None:
        if content := await request.body():
            self.bodies.append(json.loads(content))

    async def _list_letters(self, limit: int = 100) -> dict[str, Any]:
        return {"items": self.letters[:limit]}

    async def _touch_letter(self, letter: str) -> Response:
        if letter in {one["id"] for one in self.letters}:
            return JSONResponse({"id": letter})
        return problem_response(404, "unknown-dead-letter", f"there is no dead letter {letter!r}")

    async def _list_drift(self, request: Request, limit: int = 100, cursor: str | None = None) -> dict[str, Any]:
        asked = dict(request.query_params)
        self.bodies.append({name: value for name, value in asked.items() if name != "limit"})
        return _page(
            [one for one in self.drift if one["node_id"] == asked.get("node_id", one["node_id"])], limit, cursor
        )

    async def _settle_drift(self, name: str, script: str, how: str) -> Any:
        found = [one for one in self.drift if (one["node_id"], one["script_id"]) == (name, script)]
        return found[0] if found else problem_response(404, "no-such-drift", "there is none")

    async def _store(self, request: Request, response: Response) -> dict[str, Any]:
        self.bodies.append((request.headers["content-type"], await request.body()))
        response.status_code = 201 if self.stores_as > self.newest_version else 200
        return {"script_id": "welcome", "version": self.stores_as, "hash": HASH}

    async def _versions(self, script: str) -> dict[str, Any]:
        return {"script_id": script, "latest_version": max(self.stores_as, self.newest_version), "versions": []}

    async def _script(self, script: str, version: int) -> dict[str, Any]:
        return {"script_id": script, "version": version, "source": "id: welcome\nchats: []\n"}

    async def _deploy(self, request: Request) -> dict[str, Any]:
        self.bodies.append(await request.json())
        return {"deployment_id": DEPLOYMENT, "state": "running"}

    async def _deployment(self, name: str, limit: int = 100, cursor: str | None = None) -> Any:
        self.limits.append(limit)
        now = self.course.pop(0) if len(self.course) > 1 else self.course[0]
        if isinstance(now, int):
            return problem_response(now, "upstream-away", "the deployer is away")
        page = _page(now["deliveries"], limit, cursor)
        return {**now, "deliveries": page["items"], "next_cursor": page["next_cursor"]}

    async def _again(self, name: str) -> dict[str, Any]:
        return {**deployment("running"), "retry_of": name, "total": 1}

    async def _back(self, name: str) -> dict[str, Any]:
        made = {**deployment("running"), "rollback_of": name, "total": 1}
        return {"deployments": [made], "left_alone": [{"node_id": "node-z", "reason": "nothing was sent to it"}]}

    async def _events(self, request: Request) -> Response:
        self.resumed_from.append(request.headers.get("last-event-id", ""))
        told = self.streams.pop(0) if self.streams else []

        async def stream() -> AsyncIterator[str]:
            yield ": hello\n\n"
            for number, kind, data in told:
                yield f"id: {number}\nevent: {kind}\ndata: {data}\n\n: keep-alive\n\n"
            if self.stays_open:
                await asyncio.sleep(30)

        return StreamingResponse(stream(), media_type="text/event-stream")


class Reception:
    """Hands every request to the Callboard of the test that runs: starting a server for each costs too much."""

    def __init__(self) -> None:
        self.current: ASGIApp = FastAPI()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self.current(scope, receive, send)


def _next_of(course: list[dict[str, Any]]) -> dict[str, Any]:
    return course.pop(0) if len(course) > 1 else course[0]


def _page(items: list[dict[str, Any]], limit: int, cursor: str | None) -> dict[str, Any]:
    start = int(cursor or 0)
    end = start + limit
    return {"items": items[start:end], "next_cursor": str(end) if end < len(items) else None}
