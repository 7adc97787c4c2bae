"""The first push, against a console that answers as the real one."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from services.cli.connection_file import KeptConnection
from services.cli.stack import first_script
from services.cli.stack.events import Event, Said
from services.cli.stack.first_script import push_first_script
from services.cli.stack.fleet import Away, FleetApi

NODES = ("demo-a", "demo-b")
STORED = {"script_id": "welcome-desk", "version": 3}
SUMMARY = {
    "nodes": {"online": 2, "offline": 0},
    "accounts": {"online": 6, "error": 0},
    "message_count": 8,
    "reply_count": 0,
}
UNHEARD_OF = {"type": "urn:callboard:problem:unknown-nodes", "detail": "there is no node 'demo-a'"}


class FakeConsole:
    """Answers the five requests; remembers what was posted."""

    def __init__(self, deployments: int = 0, refuse: bool = False, unheard_of: int = 0) -> None:
        self.deployments, self.refuse, self.unheard_of = deployments, refuse, unheard_of
        self.posted: list[tuple[str, bytes]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One response."""
        if request.method == "POST":
            self.posted.append((request.url.path, request.content))
            if "/deploy/" in request.url.path and self.unheard_of:
                self.unheard_of -= 1
                return httpx.Response(422, json=UNHEARD_OF)
            problem = {"type": "urn:callboard:problem:invalid-script", "detail": "line 3, column 1"}
            return httpx.Response(422, json=problem) if self.refuse else httpx.Response(202, json=STORED)
        rows: dict[str, list[dict[str, object]]] = {
            "/api/v1/workers": [{"node_id": node, "status": "online"} for node in NODES],
            "/api/v1/group-ai/script-deployment/deployments": [{"id": n} for n in range(self.deployments)],
        }
        if request.url.path == "/api/v1/group-ai/accounts/summary":
            return httpx.Response(200, json=SUMMARY)
        return httpx.Response(200, json={"items": rows[request.url.path], "next_cursor": None})


async def told_by(console: FakeConsole, script: Path) -> list[str]:
    """Push, and give what the operator was told."""
    told: list[Event] = []
    async with FleetApi(KeptConnection("http://console", "token")) as api:
        with_transport(api, console.answer)
        await push_first_script(api, script, NODES, told.append)
    return [event.sentence for event in told if isinstance(event, Said)]


def with_transport(api: FleetApi, answer: Callable[[httpx.Request], httpx.Response]) -> None:
    """Answer the API's requests here instead of over a socket."""
    api._http._transport = httpx.MockTransport(answer)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script file."""
    path = tmp_path / "welcome.yaml"
    path.write_text("# a comment\nid: welcome-desk  # its id\ntitle: x\n")
    return path


async def test_the_script_is_uploaded_and_deployed_to_both_nodes(script: Path) -> None:
    """If this broke, the demo's accounts would have nothing to say."""
    console = FakeConsole()
    assert await told_by(console, script) == ["Pushed the script welcome-desk to demo-a and demo-b"]
    upload, order = console.posted
    assert upload == ("/api/v1/group-ai/scripts", script.read_bytes())
    assert order[0] == "/api/v1/group-ai/script-deployment/deploy/welcome-desk"
    assert json.loads(order[1]) == {"node_ids": list(NODES), "version": 3, "bind": "all"}


async def test_nothing_is_pushed_where_a_deployment_exists(script: Path) -> None:
    """If this broke, every start would undo what the operator has deployed since."""
    console = FakeConsole(deployments=1)
    assert await told_by(console, script) == []
    assert console.posted == []


async def test_a_refusal_is_told_and_ends_nothing(script: Path) -> None:
    """If this broke, a mistake in the example script would take the whole stack down."""
    (sentence,) = await told_by(FakeConsole(refuse=True), script)
    assert "422" not in sentence
    assert "line 3, column 1" in sentence
    assert f"callboard scripts push {script} --deploy --nodes demo-a,demo-b" in sentence


async def test_nodes_that_the_deployer_has_not_heard_of_yet_are_waited_for(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this broke, a cold start would end without its first script: the registry hears of a node first."""
    monkeypatch.setattr(first_script, "ASK_SECONDS", 0.0)
    console = FakeConsole(unheard_of=2)
    assert await told_by(console, script) == ["Pushed the script welcome-desk to demo-a and demo-b"]
    assert len(console.posted) == 4  # One upload, the order three times.


async def test_nodes_that_the_deployer_never_hears_of_are_told(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this broke, a stack whose events do not arrive would wait without a word."""
    monkeypatch.setattr(first_script, "ASK_SECONDS", 0.0)
    monkeypatch.setattr(first_script, "KNOWN_SECONDS", 0.0)
    (sentence,) = await told_by(FakeConsole(unheard_of=1_000_000), script)
    assert "not pushed: there is no node 'demo-a'" in sentence


async def test_the_summary_adds_up() -> None:
    """If this broke, the terminal would show wrong numbers."""
    async with FleetApi(KeptConnection("http://console", "token")) as api:
        with_transport(api, FakeConsole(deployments=3).answer)
        summary = await api.summary()
    assert (summary.nodes, summary.accounts) == ({"online": 2}, {"online": 6})
    assert (summary.messages, summary.replies, summary.deployments) == (8, 0, 3)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(503, json={"type": "urn:callboard:problem:x", "detail": "the registry is away"}), "is away"),
        (httpx.Response(502, text="<html>"), "status 502"),
        (httpx.Response(200, json={"nodes": 7}), "did not come whole"),
    ],
)
async def test_a_fleet_that_cannot_be_read_says_why(answer: httpx.Response, said: str) -> None:
    """If this broke, the terminal would blame the console for whatever is away behind it, or end with a traceback."""
    async with FleetApi(KeptConnection("http://console", "token")) as api:
        with_transport(api, lambda request: answer)
        seen = await api.look()
    assert isinstance(seen, Away)
    assert said in seen.reasons[0]


async def test_what_the_console_misses_is_passed_on() -> None:
    """If this broke, the operator would have to ask the console by hand what is not ready."""
    async with FleetApi(KeptConnection("http://console", "token")) as api:
        with_transport(api, lambda request: httpx.Response(503, json={"missing": ["the deployer is not ready"]}))
        assert await api.missing() == ["the deployer is not ready"]
        with_transport(api, lambda request: httpx.Response(500))
        assert await api.missing() == ["the console does not answer"]
