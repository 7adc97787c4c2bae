"""Downloads from a real HTTP server."""

from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from services.node_agent.domain.ports import DownloadFailed
from services.node_agent.store.download import HttpDownloader
from tests.support.live_http import free_url, live


async def too_much() -> AsyncIterator[bytes]:
    """More than anybody ordered."""
    for _ in range(1000):
        yield b"x" * 1000


async def good(request: Request) -> Response:
    """The content."""
    return PlainTextResponse("content")


async def flood(request: Request) -> Response:
    """A body far above what was ordered."""
    return StreamingResponse(too_much())


async def elsewhere(request: Request) -> Response:
    """A redirect."""
    return RedirectResponse("/good")


@pytest.fixture
def origin() -> Iterator[str]:
    """A server that has good and bad answers."""
    routes = [Route("/good", good), Route("/flood", flood), Route("/elsewhere", elsewhere)]
    with live(Starlette(routes=routes)) as url:
        yield url


async def test_the_content_is_fetched(origin: str) -> None:
    """Large scripts could not be delivered at all."""
    assert await HttpDownloader().fetch(f"{origin}/good?token=t", 100) == b"content"


@pytest.mark.parametrize(
    ("path", "why"),
    [("/flood", "more than the 5000 bytes"), ("/elsewhere", "307"), ("/missing?token=secret", "/missing answered 404")],
)
async def test_what_is_not_the_content_is_refused(origin: str, path: str, why: str) -> None:
    """A large body would fill the memory, a redirect could lead anywhere, a URL's token is no text for a log."""
    with pytest.raises(DownloadFailed, match=why) as raised:
        await HttpDownloader().fetch(origin + path, 5000)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "no url at all"])
async def test_only_http_is_fetched(url: str) -> None:
    """A bad URL in an order is a failed delivery, not a crash."""
    with pytest.raises(DownloadFailed):
        await HttpDownloader().fetch(url, 100)


async def test_a_server_that_is_away_is_a_failed_download() -> None:
    """The deployer tries again for this cause."""
    with pytest.raises(DownloadFailed, match="ConnectError"):
        await HttpDownloader().fetch(f"{free_url()}/x", 100)
