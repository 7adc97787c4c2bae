"""Every operation of every service has a role: each is tried with each, on the applications as they are wired.

A new route is under this test by being there. A stricter role than the usual may be said anywhere; what is for nodes,
and what has no rows in the audit log, is written down here, and so is what must never be for less than an admin.
"""

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from shared.contracts.enrolments import ENROL_PATH
from shared.contracts.roles import Actor, Role
from shared.http.api import Api
from shared.http.recording import is_recorded
from shared.http.roles import methods_of, role_of
from shared.http.signing_in import named
from tests.contract.http.documents import TOKEN, deployer_api, registry_api

# What brings an authorisation of its own, or tells nothing of the fleet.
OPEN = {
    "/health/live",
    "/health/ready",
    "/openapi.json",
    "/api/v1/group-ai/script-artifacts/{content_hash}",
    "/api/v1/group-ai/session-deliveries/{node_id}",
    ENROL_PATH,
}
# More than reading for a GET, more than operating for the others.
FOR_ADMINS = {
    "GET /api/v1/tokens",
    "POST /api/v1/tokens",
    "POST /api/v1/tokens/{token_id}/revoke",
    "GET /api/v1/audit/registry",
    "GET /api/v1/audit/deployer",
    "POST /internal/whose-token",
    "POST /internal/failed-sign-ins",
    # Who lets a machine in can have logins sent to it.
    "POST /api/v1/workers/enrolments",
    "POST /api/v1/group-ai/keys/rotate",
    "POST /api/v1/group-ai/keys/sign",
    # Whoever has a login is signed in as the account; one that is gone is gone.
    "GET /api/v1/group-ai/sessions/{account_id}/download",
    "DELETE /api/v1/group-ai/sessions/{account_id}",
    "POST /api/v1/group-ai/sessions/backup",
    "POST /api/v1/group-ai/sessions/restore",
    "POST /api/v1/group-ai/sessions/rotate-key",
}
FOR_NODES = {
    "POST /api/v1/workers/heartbeat",
    "GET /api/v1/workers/{node_id}/commands",
    "POST /api/v1/workers/{node_id}/commands",
    "POST /api/v1/workers/{node_id}/reports",
}
NOT_RECORDED = {
    "GET /api/v1/tokens",
    "GET /api/v1/audit/registry",
    "GET /api/v1/audit/deployer",
    "POST /internal/whose-token",
    "POST /internal/failed-sign-ins",
}
NODE = Actor("node:n", Role.NODE, "n")
ACTORS = [NODE, *(Actor(role.value, role) for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN))]


def routes(api: FastAPI) -> Iterator[APIRoute]:
    """Every route, also of included routers and those that the document does not show."""
    yield from _of(api.routes)


def _of(found: list[BaseRoute]) -> Iterator[APIRoute]:
    for route in found:
        match route:
            case APIRoute():
                yield route
            case Mount() | Route():
                raise AssertionError(f"{route.path} is none of ours")
            case _:
                inner = next(value for value in vars(route).values() if isinstance(value, APIRouter))
                yield from _of(inner.routes)


def operations(api: FastAPI) -> list[tuple[str, APIRoute]]:
    """Every operation that needs a token, as method and route."""
    return [(method, route) for route in routes(api) if route.path not in OPEN for method in sorted(methods_of(route))]


@pytest.fixture(params=["registry", "deployer"])
def api(request: pytest.FixtureRequest) -> Api:
    """Each service's doors; nothing is behind them."""
    return registry_api() if request.param == "registry" else deployer_api()


def test_no_route_is_without_a_role_and_none_is_for_less_than_it_must_be(api: Api) -> None:
    """A route that somebody adds and forgets would be open to everyone who has any token."""
    found = operations(api)
    assert len(found) > 10
    for method, route in found:
        where = f"{method} {route.path}"
        usual = Role.VIEWER if method == "GET" else Role.OPERATOR
        least = Role.ADMIN if where in FOR_ADMINS else Role.NODE if where in FOR_NODES else usual
        role = role_of(route)
        assert role is least or (least is not Role.NODE and role.includes(least)), where
        if route.include_in_schema:
            assert api.openapi()["paths"][route.path][method.lower()]["x-callboard-role"] == role.value, where


def test_every_change_is_recorded_or_is_a_nodes_own(api: Api) -> None:
    """Somebody could do a thing that nobody can be asked about later."""
    for method, route in operations(api):
        where = f"{method} {route.path}"
        matters = where not in FOR_NODES and (method != "GET" or role_of(route) is Role.ADMIN)
        assert is_recorded(route, method) == (matters and where not in NOT_RECORDED), where


async def test_who_may_not_is_refused_at_every_door(api: Api) -> None:
    """The rule would hold in the table and not at the door."""
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as http:
        for method, route in operations(api):
            path = re.sub(r"{\w+}", "n", route.path)
            stranger = await http.request(method, path, headers={"authorization": "Bearer of-nobody-at-all"})
            assert stranger.status_code == 401, f"{method} {path}"
            for actor in ACTORS:
                if not actor.role.includes(role_of(route)):
                    headers = [(b"authorization", f"Bearer {TOKEN}".encode()), *named(actor)]
                    answer = await http.request(method, path, headers=headers)
                    assert answer.status_code == 403, f"{actor.name}: {method} {path}"


async def test_a_node_speaks_for_itself_alone() -> None:
    """Stolen credentials of one node would take another one's orders, or speak in its name."""
    api = registry_api()
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    headers = [(b"authorization", f"Bearer {TOKEN}".encode()), *named(NODE)]
    async with httpx.AsyncClient(transport=transport, base_url="http://door", headers=headers) as http:
        for method in ("GET", "POST"):
            assert (await http.request(method, "/api/v1/workers/m/commands")).status_code == 403
        assert (await http.post("/api/v1/workers/m/reports", json={"parcels": []})).status_code == 403
        assert (await http.post("/api/v1/workers/n/reports", json={"parcels": []})).status_code == 422
        assert (await http.post("/api/v1/workers/heartbeat", json={"node_id": "m"})).status_code == 403
