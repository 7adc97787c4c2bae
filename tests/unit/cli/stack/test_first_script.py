"""The first push, against a console that answers as the real one."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from services.cli.stack.connection import Connection
from services.cli.stack.events import Event, Said
from services.cli.stack.first_script import id_of, push_first_script
from services.cli.stack.fleet import FleetApi

NODES = ("demo-a", "demo-b")


class FakeConsole:
    """Answers the five requests; remembers what was posted."""

    def __init__(self, deployments: int = 0, refuse: bool = False) -> None:
        self.deployments, self.refuse = deployments, refuse
        self.posted: list[tuple[str, bytes]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One response."""
        if request.method == "POST":
            self.posted.append((request.url.path, request.content))
            return httpx.Response(422 if self.refuse else 202, json={"detail": "line 3, column 1"})
        rows: dict[str, list[dict[str, object]]] = {
            "/api/v1/workers": [{"node_id": node, "status": "online"} for node in NODES],
            "/api/v1/group-ai/accounts": [{"status": "online", "message_count": 4, "reply_count": None}] * 2,
            "/api/v1/group-ai/script-deployment/deployments": [{"id": n} for n in range(self.deployments)],
        }
        return httpx.Response(200, json={"items": rows[request.url.path], "next_cursor": None})


async def told_by(console: FakeConsole, script: Path) -> list[str]:
    """Push, and give what the operator was told."""
    told: list[Event] = []
    async with FleetApi(Connection("http://console", "token")) as api:
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
    assert json.loads(order[1]) == {"node_ids": list(NODES), "version": None, "bind": "all"}


async def test_nothing_is_pushed_where_a_deployment_exists(script: Path) -> None:
    """If this broke, every start would undo what the operator has deployed since."""
    console = FakeConsole(deployments=1)
    assert await told_by(console, script) == []
    assert console.posted == []


async def test_a_refusal_is_told_and_ends_nothing(script: Path) -> None:
    """If this broke, a mistake in the example script would take the whole stack down."""
    (sentence,) = await told_by(FakeConsole(refuse=True), script)
    assert "422" in sentence
    assert "line 3, column 1" in sentence


async def test_the_summary_adds_up() -> None:
    """If this broke, the terminal would show wrong numbers."""
    async with FleetApi(Connection("http://console", "token")) as api:
        with_transport(api, FakeConsole(deployments=3).answer)
        summary = await api.summary()
    assert summary.nodes == {"online": 2}
    assert (summary.messages, summary.replies, summary.deployments) == (8, 0, 3)


@pytest.mark.parametrize("text", ["title: no id here", "  id: nested", "id: Not Valid"])
def test_a_script_without_an_id_is_refused(text: str) -> None:
    """If this broke, a deployment of a nameless script would be asked for."""
    with pytest.raises(ValueError, match="no line"):
        id_of(text)
