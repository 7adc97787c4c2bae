"""What every HTTP door does, whatever is behind it."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import httpx
import pytest
from fastapi import APIRouter, Query, Request
from pydantic import SecretStr, TypeAdapter

from shared.contracts.identifiers import NODE_ID_PATTERN, NodeId
from shared.contracts.roles import Role
from shared.http import create_api
from shared.http.api import Api
from shared.http.fields import Body, EachOnce, Moment
from shared.http.paging import Cursor, Limit, cursor_of, place_of

TOKEN = "a-token-for-these-tests"
PLACE = TypeAdapter(tuple[Moment, NodeId])


class Part(Body):
    """A piece of an order."""

    name: str


class Order(Body):
    """An order."""

    title: str = ""
    nodes: Annotated[list[NodeId], EachOnce] = []  # noqa: RUF012 -- pydantic copies it
    parts: list[Part] = []  # noqa: RUF012 -- pydantic copies it
    at: Moment | None = None
    role: Literal[Role.VIEWER, Role.ADMIN] = Role.VIEWER
    largest: Role = Role.ADMIN


def things() -> APIRouter:
    """Doors of every kind, with nothing behind them."""
    router = APIRouter(prefix="/things", tags=["things"])

    @router.get("")
    async def list_things(
        limit: Limit = 10,
        cursor: Cursor = None,
        status: str | None = None,
        label: Annotated[list[str] | None, Query()] = None,
    ) -> dict[str, Any]:
        return {"limit": limit, "place": place_of(cursor, PLACE), "status": status, "label": label}

    @router.get("/{node_id}")
    async def read_thing(node_id: NodeId) -> str:
        return node_id

    @router.put("")
    async def store_thing(request: Request) -> int:
        return len(await request.body())

    @router.post("")
    async def order_thing(order: Order) -> Order:
        return order

    return router


@pytest.fixture
def api() -> Api:
    """The doors."""

    async def ready() -> list[str]:
        return []

    return create_api("things", version="1", token=SecretStr(TOKEN), routers=[things()], ready=ready)


@pytest.fixture
async def door(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is signed in."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://door", headers=headers) as http:
        yield http


async def refused(answer: httpx.Response, status: int = 422) -> list[dict[str, str]]:
    """The errors of problem details."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    errors: list[dict[str, str]] = answer.json().get("errors", [])
    return errors


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("statsu=online", "query.statsu", "did you mean 'status'? The parameters are cursor, label, limit, status"),
        ("zzz=1", "query.zzz", "there is no such parameter. The parameters are"),
        ("limit=1&limit=2", "query.limit", "is given 2 times: give it once"),
        ("status=a%00b", "query.status", "NUL"),
        ("status=%ff", "query", "is not UTF-8"),
        ("limit=0", "query.limit", "must be greater than or equal to 1"),
        ("limit=x", "query.limit", "must be a whole number"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused(
    door: httpx.AsyncClient, query: str, field: str, says: str
) -> None:
    """A misspelt filter that is ignored gives everything, which looks like an answer."""
    errors = await refused(await door.get(f"/things?{query}"))
    assert errors[0]["field"] == field
    assert says in errors[0]["message"]


async def test_a_query_that_is_understood_passes(door: httpx.AsyncClient) -> None:
    """A list parameter is given several times on purpose."""
    answer = await door.get("/things?limit=5&label=a&label=b&status=%C3%BC")
    assert answer.json() == {"limit": 5, "place": None, "status": "ü", "label": ["a", "b"]}


@pytest.mark.parametrize("path", ["/things/n?x=1", "/health/live?x=1", "/health/ready?x=1", "/openapi.json?x=1"])
async def test_addresses_without_parameters_take_none(door: httpx.AsyncClient, path: str) -> None:
    """The strictness would depend on the route."""
    assert "none is taken here" in (await refused(await door.get(path)))[0]["message"]


async def test_a_stranger_learns_nothing_about_parameters(door: httpx.AsyncClient) -> None:
    """What can be asked is for those who may ask."""
    await refused(await door.get("/things?x=1", headers={"authorization": ""}), 401)


async def test_an_id_of_the_wrong_form_is_told_its_form_in_words(door: httpx.AsyncClient) -> None:
    """'not found' for a name that cannot exist, or a bare pattern, sends the operator searching."""
    answer = await door.get("/things/Not.A.Node")
    (error,) = await refused(answer)
    assert error["field"] == "path.node_id"
    assert "1 to 63 characters of a-z, 0-9 and '-'" in error["message"]
    assert NODE_ID_PATTERN not in answer.text


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"titel": "x"}, "body.titel", "did you mean 'title'? The fields are at, largest, nodes, parts, role, title"),
        ({"parts": [{"name": "a", "nmae": "b"}]}, "body.parts.0.nmae", "did you mean 'name'?"),
        ({"parts": [{}]}, "body.parts.0.name", "is missing"),
        ({"parts": [{"name": "a\0b"}]}, "body.parts.0.name", "NUL"),
        ({"title": 5}, "body.title", "must be text"),
        ({"nodes": ["a", "b", "a"]}, "body.nodes.2", "names 'a' again, as number 0 of the list does"),
        ({"nodes": ["a", "B"]}, "body.nodes.1", "1 to 63 characters"),
        ({"at": 5}, "body.at", "must be text such as"),
        ({"role": "king"}, "body.role", "must be 'viewer' or 'admin'"),
        ({"largest": "king"}, "body.largest", "must be 'node', 'viewer', 'operator' or 'admin'"),
        ({"at": "2026-01-01T00:00:00"}, "body.at", "timezone"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "body.at", "within the years 1 to 9999"),
        ([], "body", "must be a JSON object"),
    ],
)
async def test_a_body_with_a_mistake_names_the_field(door: httpx.AsyncClient, body: Any, field: str, says: str) -> None:
    """A field that is ignored does something else than was asked; one that is not named must be searched."""
    (error,) = await refused(await door.post("/things", json=body))
    assert error["field"] == field
    assert says in error["message"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "is not JSON: Expecting property name"),
        (b"", "is missing"),
        (b'{"title": "\xff"}', "byte 11 is not UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"title": ' + b"9" * 5000 + b"}", "thousands of digits"),
        (b'{"title": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\ud800": 1}', "there is no such field"),
    ],
)
async def test_a_body_that_cannot_be_read_is_the_senders_mistake(
    door: httpx.AsyncClient, content: bytes, says: str
) -> None:
    """A fault of the service would be looked for, or a bare 'bad request' not understood."""
    answer = await door.post("/things", content=content, headers={"content-type": "application/json"})
    assert says in (await refused(answer))[0]["message"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_of_another_kind_is_told_which_is_read(door: httpx.AsyncClient, media_type: str) -> None:
    """'must be an object', for what is an object, hides the forgotten header."""
    headers = {"content-type": media_type} if media_type else {}
    answer = await door.post("/things", content=b'{"title": "x"}', headers=headers)
    await refused(answer, 415)
    assert "application/json" in answer.json()["detail"]


@pytest.mark.parametrize("where", ["body", "query"])
async def test_thousands_of_mistakes_cost_no_more_than_a_hundred(door: httpx.AsyncClient, where: str) -> None:
    """Looking for the nearest name of each would keep the service from everything else for seconds."""
    names = {f"n{number}": "1" for number in range(5000)}
    answer = await (door.post("/things", json=names) if where == "body" else door.get("/things", params=names))
    assert len(await refused(answer)) == 20
    assert answer.json()["detail"].endswith("(and 99 more)")


async def test_a_method_that_is_not_possible_names_those_that_are(door: httpx.AsyncClient) -> None:
    """The first route of an address is not all that there is."""
    answer = await door.delete("/things")
    await refused(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, POST, PUT"
    assert answer.json()["detail"] == "DELETE is not possible at /things: use GET or HEAD or POST or PUT"


async def test_an_unknown_address_says_where_to_look(door: httpx.AsyncClient) -> None:
    """A service has no pages, so nothing may send the reader to one."""
    for path in ("/thing", "/docs", "/redoc", "/docs/oauth2-redirect"):
        answer = await door.get(path)
        await refused(answer, 404)
        assert "/openapi.json" in answer.json()["detail"]


async def test_a_client_that_hangs_up_is_no_fault(api: Api) -> None:
    """Every broken upload would be an error with a traceback in the log."""
    sent: list[Any] = []

    async def hung_up() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {TOKEN}".encode()), (b"content-type", b"text/plain")]
    scope = {"type": "http", "method": "PUT", "path": "/things", "query_string": b"", "headers": headers}
    await api(scope, hung_up, send)
    assert sent[0]["status"] == 400


async def test_head_is_get_without_its_body(door: httpx.AsyncClient) -> None:
    """Load balancers ask this way, and would take a healthy service out."""
    for path in ("/health/live", "/things", "/openapi.json"):
        head, get = await door.head(path), await door.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]


async def test_a_cursor_is_only_good_for_its_list(door: httpx.AsyncClient) -> None:
    """A time that PostgreSQL cannot hold, in a cursor made by hand, would be a fault of the service."""
    good = cursor_of("2026-01-01T00:00:00+00:00", "n")
    assert (await door.get("/things", params={"cursor": good})).json()["place"] == ["2026-01-01T00:00:00Z", "n"]
    others = (cursor_of("0001-01-01T00:00:00+14:00", "n"), cursor_of("2026-01-01", "n"), cursor_of("n"), "é", "W10", "")
    for bad in others:
        errors = await refused(await door.get("/things", params={"cursor": bad}))
        assert errors[0]["field"] == "query.cursor"
