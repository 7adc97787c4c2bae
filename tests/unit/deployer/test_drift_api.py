"""The HTTP door of drift: what it shows, and how it refuses."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from services.deployer.api.drift import drift_router
from shared.contracts.artifacts import FileState
from shared.http import create_api
from tests.unit.deployer.making import loaded
from tests.unit.deployer.stand import Stand
from tests.unit.deployer.test_drift import LOOK, Node, forgotten

TOKEN = "token-of-the-tests"
DRIFT = "/api/v1/group-ai/script-deployment/drift"


@pytest.fixture
async def http(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    """The door on the stand."""

    async def nothing_missing() -> list[str]:
        return []

    api = create_api(
        "t",
        version="0",
        token=SecretStr(TOKEN),
        routers=[drift_router(stand.settle)],
        tags={"drift": "t"},
        ready=nothing_missing,
    )
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=api), base_url="http://t", headers=headers
    ) as client:
        yield client


async def test_drift_is_listed_with_both_sides_and_filtered(stand: Stand, http: httpx.AsyncClient) -> None:
    """An operator would see that something is wrong, and not what."""
    assert (await http.get(DRIFT)).json() == {"items": [], "next_cursor": None}
    node = Node(stand)
    first, second = await node.runs("one", "first"), await node.runs("two", "second")
    await node.has(loaded(first, file=FileState.ALTERED), forgotten(second, "lost"))
    await stand.mend(LOOK)
    altered, newer = (await http.get(DRIFT)).json()["items"]
    assert (altered["script_id"], altered["state"], altered["kind"], altered["repairs"]) == (
        "first",
        "drifted",
        "altered",
        1,
    )
    assert altered["desired"]["hash"] == altered["found"]["hash"] == first.artifact.hash
    assert (altered["found"]["file"], altered["policy"]) == ("altered", "repair")
    assert (newer["state"], newer["kind"], newer["found"]["version"], newer["next_look_at"]) == ("newer", None, 9, None)
    page = (await http.get(DRIFT, params={"limit": 1})).json()
    rest = (await http.get(DRIFT, params={"cursor": page["next_cursor"]})).json()
    assert page["items"] + rest["items"] == [altered, newer]
    for asked, found in (
        ({"kind": "altered"}, [altered]),
        ({"state": "newer"}, [newer]),
        ({"script_id": "second"}, [newer]),
        ({"node_id": "b"}, []),
    ):
        assert (await http.get(DRIFT, params=asked)).json()["items"] == found
    assert (await http.get(DRIFT, params={"state": "suspected"})).status_code == 422


async def test_drift_is_settled_or_refused_with_the_way_out(stand: Stand, http: httpx.AsyncClient) -> None:
    """A button that does nothing, or does it without saying what."""
    node = Node(stand)
    order = await node.runs()
    missing = await http.post(f"{DRIFT}/a/greeter/overwrite")
    assert (missing.status_code, missing.json()["type"].rsplit(":", 1)[-1]) == (404, "no-such-drift")
    await node.has(forgotten(order, "lost"))
    await stand.mend(LOOK)
    refused = await http.post(f"{DRIFT}/a/greeter/adopt")
    assert refused.status_code == 409 and "push that script again" in refused.json()["detail"]
    await stand.push("lost")
    adopted = await http.post(f"{DRIFT}/a/greeter/adopt")
    assert (adopted.status_code, adopted.json()["state"], adopted.json()["desired"]["version"]) == (200, "in_sync", 2)
    await node.has()
    await stand.mend(LOOK)
    overwritten = await http.post(f"{DRIFT}/a/greeter/overwrite")
    assert (overwritten.status_code, overwritten.json()["state"]) == (200, "drifted")
