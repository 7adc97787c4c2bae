"""Who is let in at the origin, and how services are told."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from services.console.api import relay
from shared.http.signing_in import hash_of
from tests.integration.console.conftest import TOKEN
from tests.integration.console.services import Deployer, Registry
from tests.support.waiting import until

ANA = "cbt_of-ana"


@pytest.fixture
def registry() -> Registry:
    """A registry that knows ana, a viewer, and a node."""
    found = Registry()
    found.bearers = {
        hash_of(ANA): {"name": "ana", "role": "viewer"},
        hash_of("cbt_of-n"): {"name": "node:n", "role": "node", "node_id": "n"},
    }
    return found


@pytest.fixture
async def stranger(origin: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is not signed in."""
    async with httpx.AsyncClient(base_url=origin, timeout=10) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    """The header."""
    return {"authorization": f"Bearer {token}"}


async def test_a_service_is_told_who_asks_and_never_with_whose_token(stranger: httpx.AsyncClient) -> None:
    """A service, its log or its memory would have the tokens of all operators; or ana would be root."""
    for token, actor in (
        (ANA, ("ana", "viewer", None)),
        ("cbt_of-n", ("node:n", "node", "n")),
        (TOKEN, ("root", "admin", None)),
    ):
        told = {"x-callboard-actor": "eve", "x-callboard-role": "admin", "x-callboard-node": "m", "cookie": "page=1"}
        seen = (await stranger.get("/api/v1/workers", headers=bearer(token) | told)).json()["headers"]
        assert tuple(seen.get(f"x-callboard-{name}") for name in ("actor", "role", "node")) == actor
        assert seen["authorization"] == f"Bearer {TOKEN}"
        assert "cookie" not in seen


async def test_the_registry_is_asked_once_for_a_while(stranger: httpx.AsyncClient, registry: Registry) -> None:
    """Every click would be two requests."""
    for _ in range(5):
        assert (await stranger.get("/api/v1/workers", headers=bearer(ANA))).status_code == 200
    assert registry.asked_for_tokens == 1


async def test_a_revoked_token_dies_within_seconds(stranger: httpx.AsyncClient, registry: Registry) -> None:
    """Who was sent away would go on for as long as the origin remembers."""
    assert (await stranger.get("/api/v1/workers", headers=bearer(ANA))).status_code == 200
    registry.bearers = {}

    async def refused() -> bool:
        return (await stranger.get("/api/v1/workers", headers=bearer(ANA))).status_code == 401

    await until(refused, "the token is refused", seconds=6)


async def test_what_a_revoked_token_had_open_is_cut(
    stranger: httpx.AsyncClient, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event stream would show the fleet for days to somebody who was sent away."""
    monkeypatch.setattr(relay, "ALLOWED_SECONDS", 0.2)
    async with stranger.stream("GET", "/api/v1/events", headers=bearer(ANA)) as stream:
        pieces = stream.aiter_raw()
        assert b"event: fleet.node.v1" in await anext(pieces)
        registry.bearers = {}
        with pytest.raises((httpx.RemoteProtocolError, StopAsyncIteration)):
            async with asyncio.timeout(8):
                await anext(pieces)
    assert registry.stream_ended.wait(5)


async def test_without_the_registry_root_works_on_and_others_are_told_why(
    stranger: httpx.AsyncClient, registry: Registry
) -> None:
    """An operator would search for a mistake in the token; or nobody at all could look what is wrong."""
    registry.bearers = None
    away = await stranger.get("/api/v1/workers", headers=bearer(ANA))
    assert (away.status_code, away.headers["retry-after"]) == (503, "2")
    assert away.json()["type"] == "urn:callboard:problem:sign-in-away"
    assert (await stranger.get("/api/v1/workers", headers=bearer(TOKEN))).status_code == 200
    assert registry.failures == []


async def test_who_guesses_is_slowed_down_and_shuts_nobody_out(stranger: httpx.AsyncClient, registry: Registry) -> None:
    """The registry would be asked for every guess; or one broken program would lock out its whole office."""
    assert (await stranger.get("/api/v1/workers", headers=bearer(ANA))).status_code == 200
    answers = [await stranger.get("/api/v1/workers", headers=bearer(f"guess-{number}")) for number in range(15)]
    assert [answer.status_code for answer in answers[:10]] == [401] * 10
    assert {answer.status_code for answer in answers[11:]} == {429}
    assert answers[-1].json()["type"] == "urn:callboard:problem:too-many-failures"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 6
    # Root has not been seen from here, so it may be a guess; ana has.
    assert (await stranger.get("/api/v1/workers", headers=bearer(TOKEN))).status_code == 429
    assert (await stranger.get("/api/v1/workers", headers=bearer(ANA))).status_code == 200
    assert registry.asked_for_tokens <= 12


async def test_failed_sign_ins_are_told_for_the_audit_log(stranger: httpx.AsyncClient, registry: Registry) -> None:
    """Nobody would see that somebody tries; or the log would have the token that was nearly right."""
    answer = await stranger.get("/api/v1/workers?a=b", headers=bearer("guess"))
    await until(lambda: registry.failures, "the registry is told")
    (failure,) = registry.failures
    assert failure == {
        "address": "127.0.0.1",
        "method": "GET",
        "path": "/api/v1/workers",
        "request_id": answer.headers["x-request-id"],
        "others": 0,
    }
    await stranger.get("/api/v1/workers")
    assert len(registry.failures) == 1


async def test_the_token_is_in_no_log(
    stranger: httpx.AsyncClient, registry: Registry, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads logs would be an operator."""
    for bearers in (registry.bearers, None):
        registry.bearers = bearers
        for token in (ANA, "cbt_planted", TOKEN):
            await stranger.get("/api/v1/workers", headers=bearer(token))
    told = "".join(capfd.readouterr())
    assert "sign_in_failed" in told
    assert not [token for token in (ANA, "cbt_planted", TOKEN) if token in told]


async def test_what_is_done_on_the_page_is_done_in_the_operators_name(
    stranger: httpx.AsyncClient, origin: str, deployer: Deployer
) -> None:
    """The audit log would say that the console did it, from its own address."""
    form = {"origin": origin, "sec-fetch-site": "same-origin"}
    signed_in = await stranger.post("/sign-in", data={"token": ANA}, headers=form)
    assert signed_in.status_code == 303
    done = await stranger.post("/dead-letters/7/drop", headers=form)
    assert done.status_code == 303, done.text
    ((letter, seen),) = deployer.dropped
    assert letter == "7"
    assert (seen["x-callboard-actor"], seen["x-callboard-role"]) == ("ana", "viewer")
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-request-id"] == done.headers["x-request-id"]
    assert "cookie" not in seen
