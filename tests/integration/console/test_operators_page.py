"""The page at the origin, asked without a browser: who is let in, what every answer forbids, what is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.integration.console.conftest import TOKEN, console
from tests.integration.console.services import Deployer, Registry
from tests.support.live_http import free_url, live

PLACES = (
    "/",
    "/accounts",
    "/nodes",
    "/servers",
    "/sessions",
    "/scripts",
    "/deployments",
    "/drift",
    "/events",
    "/dead-letters",
    "/audit",
    "/tokens",
    "/keys",
)


@asynccontextmanager
async def signed_in(origin: str, language: str = "en") -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has signed in."""
    headers = {"origin": origin, "accept-language": language}
    async with httpx.AsyncClient(base_url=origin, headers=headers, timeout=10) as client:
        answer = await client.post("/sign-in", data={"token": TOKEN, "next": "/"})
        assert answer.status_code == 303, answer.text
        yield client


async def test_every_page_wants_a_sign_in(origin: str) -> None:
    """One page that forgets to ask shows the fleet to everybody."""
    async with httpx.AsyncClient(base_url=origin) as stranger:
        for path in (*PLACES, "/live", "/accounts.csv", "/scripts/new", "/nodes/enrol", "/sessions/a/download"):
            answer = await stranger.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/sign-in?next="), path
        assert (await stranger.get("/accounts", headers={"x-regions": "table"})).status_code == 401


@pytest.mark.parametrize("language", ["en", "zh-TW"])
async def test_a_service_that_is_away_leaves_every_page_standing(language: str) -> None:
    """With nothing behind it the console still says what is missing, in its place and in the reader's language."""
    away = {"en": "does not answer now", "zh-TW": "目前沒有回應"}[language]
    with live(console(free_url(), free_url())) as origin:
        async with signed_in(origin, language) as operator:
            for path in PLACES:
                answer = await operator.get(path)
                assert answer.status_code == 200, (path, answer.text[-500:])
                assert away in answer.text or path == "/events", path


async def test_nothing_runs_but_our_own_files(origin: str) -> None:
    """The policy is what stands between a forgotten escape and the operator's session."""
    async with signed_in(origin) as operator:
        answer = await operator.get("/events")
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


async def test_a_form_of_another_site_does_nothing(origin: str) -> None:
    """The cookie alone must not be enough."""
    async with signed_in(origin) as operator:
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            answer = await operator.post("/scripts", data={"source": "id: x"}, headers=headers)
            assert answer.status_code == 403


async def test_an_open_page_is_told_what_happens(origin: str) -> None:
    """A page that hears nothing shows yesterday."""
    async with signed_in(origin) as operator, operator.stream("GET", "/live?topics=nodes") as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            assert line.startswith(":")
            break


async def test_a_wrong_token_opens_nothing(origin: str, registry: Registry, deployer: Deployer) -> None:
    """Whoever guesses is told so, and gets no cookie."""
    async with httpx.AsyncClient(base_url=origin, headers={"origin": origin}) as stranger:
        answer = await stranger.post("/sign-in", data={"token": "guessed"})
        assert answer.status_code in (401, 503)
        assert "callboard_session" not in answer.headers.get("set-cookie", "")
