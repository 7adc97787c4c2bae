"""The pages, the merged API document and health."""

import re

import httpx
import pytest

from tests.integration.console.conftest import console
from tests.integration.console.services import Deployer, Registry
from tests.support.live_http import free_url, live


@pytest.fixture
async def stranger(origin: str) -> httpx.AsyncClient:
    """A client that is not signed in."""
    return httpx.AsyncClient(base_url=origin)


async def test_the_document_tells_of_all_services(stranger: httpx.AsyncClient) -> None:
    """An API that is not in the document does not exist for the people who read it."""
    async with stranger:
        document = (await stranger.get("/openapi.json")).json()
    paths = document["paths"].keys()
    assert {"/api/v1/workers", "/api/v1/group-ai/scripts", "/health/ready"} <= paths
    assert "/api/v1/workers/{rest}" not in paths
    assert document["info"]["title"] == "Callboard"


async def test_the_document_of_what_is_up(registry: Registry) -> None:
    """A deployer that is away must not take the registry's documentation with it."""
    with live(registry.api) as url, live(console(url, free_url())) as origin:
        async with httpx.AsyncClient(base_url=origin) as stranger:
            document = (await stranger.get("/openapi.json")).json()
    assert "/api/v1/workers" in document["paths"]
    assert "/api/v1/group-ai/scripts" not in document["paths"]
    assert "deployer" in document["info"]["description"]


async def test_the_start_page_loads_nothing_from_elsewhere(stranger: httpx.AsyncClient) -> None:
    """On a machine without a network a page with foreign scripts stays empty."""
    async with stranger:
        for path in ("/sign-in", "/docs"):
            page = await stranger.get(path)
            assert page.status_code == 200
            loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
            assert loaded
            loaded = [address for address in loaded if not address.startswith("#")]
            assert all(address.startswith("/") for address in loaded), loaded
            for address in loaded:
                assert (await stranger.get(address)).status_code == 200, address


async def test_ready_is_what_is_behind(origin: str, registry: Registry, stranger: httpx.AsyncClient) -> None:
    """A load balancer that is told 'ready' sends operators to an empty board."""
    async with stranger:
        assert (await stranger.get("/health/ready")).json() == {"status": "ready", "missing": []}
        registry.ready = False
        answer = await stranger.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["missing"] == ["the registry is not ready: the database does not answer"]


async def test_not_ready_names_who_is_away(deployer: Deployer) -> None:
    """'Not ready' without a name sends the operator through every log."""
    with live(deployer.api) as url, live(console(free_url(), url)) as origin:
        async with httpx.AsyncClient(base_url=origin) as stranger:
            missing = (await stranger.get("/health/ready")).json()["missing"]
            assert (await stranger.get("/health/live")).status_code == 200
    assert len(missing) == 1
    assert missing[0].startswith("the registry does not answer")
