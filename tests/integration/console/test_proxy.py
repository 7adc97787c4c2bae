"""What passes through the origin, and who may pass."""

import httpx
import pytest

from tests.integration.console.conftest import TOKEN, console
from tests.integration.console.services import Deployer, Registry
from tests.support.live_http import free_url, live


async def test_a_request_arrives_as_it_was_sent(operator: httpx.AsyncClient, origin: str) -> None:
    """A lost token, query or header would make the service answer another question."""
    answer = await operator.get("/api/v1/workers?status=online&limit=5", headers={"x-request-id": "7"})
    seen = answer.json()
    assert seen["query"] == "status=online&limit=5"
    assert seen["headers"]["authorization"] == f"Bearer {TOKEN}"
    assert seen["headers"]["x-request-id"] == "7"
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert origin.endswith(seen["headers"]["x-forwarded-host"])
    assert answer.headers.get_list("date") == [answer.headers["date"]]


async def test_no_header_is_added_that_the_client_did_not_send(origin: str) -> None:
    """An Accept-Encoding of the proxy's own would give gzip to a program that cannot read it."""
    async with httpx.AsyncClient() as client:
        request = httpx.Request("GET", origin + "/api/v1/workers", headers={"authorization": f"Bearer {TOKEN}"})
        seen = (await client.send(request)).json()["headers"]
    of_the_way = {"host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"}
    assert seen.keys() == of_the_way | {"authorization", "x-callboard-actor", "x-callboard-role"}


async def test_an_encoded_path_stays_encoded(operator: httpx.AsyncClient) -> None:
    """Account ids have + and @; decoding and encoding them again would name another account."""
    seen = (await operator.get("/api/v1/group-ai/accounts/%2B886%40a%20b")).json()
    assert seen == {"account_id": "+886@a b", "raw_path": "/api/v1/group-ai/accounts/%2B886%40a%20b"}


async def test_who_runs_a_session_is_the_registrys_affair_and_the_session_the_deployers(
    operator: httpx.AsyncClient,
) -> None:
    """One path below another service's prefix would be answered by a service that does not know it."""
    assert (await operator.post("/api/v1/group-ai/sessions/%2B886/assign")).json() == {"assigned": "+886"}
    assert (await operator.get("/api/v1/group-ai/sessions/%2B886")).json() == {"session": "+886"}


async def test_status_and_repeated_headers_come_back(operator: httpx.AsyncClient) -> None:
    """An operator's program decides by the status; cookies must not be folded into one."""
    answer = await operator.get("/api/v1/workers/cookies")
    assert (answer.status_code, answer.text) == (418, "short and stout")
    assert len(answer.headers.get_list("set-cookie")) == 2


async def test_answers_without_a_body_and_other_methods_pass(operator: httpx.AsyncClient) -> None:
    """DELETE with 204 and HEAD are framed differently; a wrong frame hangs the client."""
    assert (await operator.delete("/api/v1/dead-letters/7")).status_code == 204
    head = await operator.head("/api/v1/workers/cookies")
    assert (head.status_code, head.headers["content-length"], head.content) == (418, "15", b"")
    assert (await operator.patch("/api/v1/workers")).json() == {"detail": "Method Not Allowed"}


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic YTpi"}])
async def test_without_the_token_nothing_is_forwarded(origin: str, header: dict[str, str], registry: Registry) -> None:
    """A request that the origin lets through unsigned would rely on every service behind it."""
    async with httpx.AsyncClient(base_url=origin) as stranger:
        answer = await stranger.get("/api/v1/workers/slow", headers=header)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert not registry.slow_begun.is_set()


async def test_a_signed_download_needs_no_token(origin: str) -> None:
    """Nodes have no operator's token; with a check here no large script would ever reach one."""
    async with httpx.AsyncClient(base_url=origin) as node:
        path = "/api/v1/group-ai/script-artifacts/sha256:00"
        assert (await node.get(path + "?signature=s")).json() == {"name": "sha256:00", "signature": "s"}
        assert (await node.post(path)).status_code == 405
        assert (await node.get("/api/v1/group-ai/script-artifacts/..%2Fscripts")).status_code == 400


async def test_an_unknown_path_says_where_to_look(operator: httpx.AsyncClient) -> None:
    """A mistyped address without a hint costs the operator a search."""
    answer = await operator.get("/api/v1/nothing")
    assert answer.status_code == 404
    assert "/openapi.json" in answer.json()["detail"]


async def test_an_upstream_that_is_away_is_named(deployer: Deployer) -> None:
    """A bare 500 would not tell the operator which of the services to look at; the others must still answer."""
    with live(deployer.api) as url, live(console(free_url(), url)) as origin:
        async with httpx.AsyncClient(base_url=origin, headers={"authorization": f"Bearer {TOKEN}"}) as operator:
            away = await operator.get("/api/v1/workers")
            upload = await operator.post("/api/v1/group-ai/accounts", content=b"x" * 100_000)
            there = await operator.delete("/api/v1/dead-letters/7")
    assert (away.status_code, upload.status_code, there.status_code) == (503, 503, 204)
    assert away.json()["type"] == "urn:callboard:problem:upstream-away"
    assert "the registry is away" in away.json()["detail"]
    assert "CALLBOARD_REGISTRY_URL" in away.json()["detail"]
    assert away.headers["retry-after"] == "2"


async def test_an_answer_that_breaks_off_does_not_look_whole(operator: httpx.AsyncClient) -> None:
    """A truncated list taken for a whole one would hide accounts."""
    with pytest.raises(httpx.RemoteProtocolError):
        await operator.get("/api/v1/workers/broken")
