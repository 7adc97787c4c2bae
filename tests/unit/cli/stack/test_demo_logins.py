"""The demo's logins on their way into the vault and to their nodes, against a console that answers as the real one."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.cli.connection_file import KeptConnection
from services.cli.embedded.errors import StartFailed
from services.cli.stack import demo_logins
from services.cli.stack.demo_logins import assign_at_first, fill_vault
from services.cli.stack.demo_world import DemoLogin
from services.cli.stack.events import Event, Said
from services.cli.stack.fleet import FleetApi

CONNECTION = KeptConnection("http://console", "token")
LOGINS = [DemoLogin("demo_a_1", "demo-a", b"one"), DemoLogin("demo_b_1", "demo-b", b"two")]
NEVER = {"state": "unassigned", "epoch": 0}
SESSIONS, ASSIGNMENTS = "/api/v1/group-ai/sessions", "/api/v1/group-ai/assignments"
REFUSED = {"type": "urn:callboard:problem:node-full", "detail": "node 'demo-a' is full"}


class FakeConsole:
    """The vault has these accounts, and the registry knows these rows; remembers what was posted."""

    def __init__(self, vault: tuple[str, ...] = (), rows: list[dict[str, Any]] | None = None) -> None:
        self.vault, self.rows = vault, rows or []
        # The registry has no row of any account in so many of its next answers.
        self.unheard_of = 0
        self.refuses = False
        self.posted: list[tuple[str, bytes]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One response."""
        if request.method == "POST":
            self.posted.append((request.url.path, request.content))
            if self.refuses:
                return httpx.Response(409, json=REFUSED)
            items = [{"account_id": each.account_id, "refused": None} for each in LOGINS]
            return httpx.Response(201, json={"items": items})
        rows: dict[str, list[dict[str, Any]]] = {
            "/api/v1/workers": [{"node_id": node, "status": "online"} for node in ("demo-a", "demo-b")],
            SESSIONS: [{"account_id": each} for each in self.vault],
            ASSIGNMENTS: self.rows if self.unheard_of == 0 else [],
        }
        if request.url.path == ASSIGNMENTS and self.unheard_of:
            self.unheard_of -= 1
        return httpx.Response(200, json={"items": rows[request.url.path], "next_cursor": None})


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeConsole]:
    """What answers every client of the console."""
    fake = FakeConsole()
    client = httpx.AsyncClient

    def client_of_fake(**options: Any) -> httpx.AsyncClient:
        return client(**options, transport=httpx.MockTransport(fake.answer))

    monkeypatch.setattr("services.cli.stack.fleet.httpx.AsyncClient", client_of_fake)
    monkeypatch.setattr(demo_logins, "ASK_SECONDS", 0.0)
    yield fake


async def assigned() -> list[str]:
    """Assign, and give what the operator was told."""
    told: list[Event] = []
    async with FleetApi(CONNECTION) as api:
        await assign_at_first(api, LOGINS, told.append)
    return [event.sentence for event in told if isinstance(event, Said)]


async def test_an_empty_vault_is_brought_all_logins_in_one_upload(console: FakeConsole) -> None:
    """If this broke, the demo would have no accounts, or its start would be slow."""
    await fill_vault(CONNECTION, LOGINS)
    [(path, content)] = console.posted
    assert path == SESSIONS
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "demo_a_1.session": b"one",
            "demo_b_1.session": b"two",
        }


async def test_what_the_vault_has_is_not_uploaded_again(console: FakeConsole) -> None:
    """If this broke, every start would make an old state current, and the nodes would start again with it."""
    console.vault = ("demo_a_1", "demo_b_1", "the-operators-own")
    await fill_vault(CONNECTION, LOGINS)
    assert console.posted == []


async def test_a_vault_that_takes_nothing_says_why(console: FakeConsole) -> None:
    """If this broke, the demo would come up without accounts and without a word."""
    console.refuses = True
    with pytest.raises(StartFailed, match="node 'demo-a' is full"):
        await fill_vault(CONNECTION, LOGINS)


async def test_each_account_is_assigned_once_the_registry_knows_it(console: FakeConsole) -> None:
    """If this broke, a slow event would leave the demo's accounts without a node."""
    console.rows = [{"account_id": each.account_id, **NEVER} for each in LOGINS]
    console.unheard_of = 2
    [told] = await assigned()
    assert told.startswith("Assigned 2 accounts to demo-a and demo-b")
    assert [(path, json.loads(body)) for path, body in console.posted] == [
        (f"/api/v1/group-ai/accounts/{each.account_id}/assignment", {"node_id": each.node_id}) for each in LOGINS
    ]


@pytest.mark.parametrize("state", [{"state": "assigned", "epoch": 2}, {"state": "unassigned", "epoch": 1}])
async def test_an_account_that_was_assigned_before_stays_where_it_is(
    console: FakeConsole, state: dict[str, Any]
) -> None:
    """If this broke, every start would undo the operator's moves."""
    console.rows = [{"account_id": each.account_id, **state} for each in LOGINS]
    assert await assigned() == []
    assert console.posted == []


async def test_a_refusal_is_told_with_what_does_it_by_hand(console: FakeConsole) -> None:
    """If this broke, one full node would take the whole stack down."""
    console.rows = [{"account_id": each.account_id, **NEVER} for each in LOGINS]
    console.refuses = True
    [told] = await assigned()
    assert "node 'demo-a' is full" in told
    assert "`callboard accounts assign demo_a_1 demo-a` does it" in told
