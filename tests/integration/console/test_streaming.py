"""Bodies that stream, in both directions, and clients that go away."""

import asyncio
import threading
from collections.abc import AsyncIterator

import httpx

from services.console.app import MOST_CONNECTIONS as OF_OTHERS
from tests.integration.console.conftest import TOKEN
from tests.integration.console.services import Deployer, Registry
from tests.support.waiting import until


async def happened(event: threading.Event, seconds: float = 5) -> bool:
    """Whether a service noted `event` in time."""
    return await asyncio.to_thread(event.wait, seconds)


async def test_an_event_passes_at_once(operator: httpx.AsyncClient) -> None:
    """A proxy that buffers would show a change minutes later, or never."""
    async with operator.stream("GET", "/api/v1/events", headers={"last-event-id": "41"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async with asyncio.timeout(5):
            assert await anext(answer.aiter_text()) == "id: 1\nevent: fleet.node.v1\ndata: 41\n\n"


async def test_a_reader_that_goes_ends_the_upstreams_stream(operator: httpx.AsyncClient, registry: Registry) -> None:
    """Streams of readers long gone would fill the connection pool until nobody gets through."""
    async with operator.stream("GET", "/api/v1/events") as answer:
        await anext(answer.aiter_text())
        assert not registry.stream_ended.is_set()
    assert await happened(registry.stream_ended)


async def test_a_client_that_gives_up_waiting_frees_the_upstream(origin: str, registry: Registry) -> None:
    """A request whose client has gone would hold its connection until the time-out."""
    async with httpx.AsyncClient(base_url=origin, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        request = asyncio.create_task(client.get("/api/v1/workers/slow"))
        assert await happened(registry.slow_begun)
        request.cancel()
        await asyncio.wait({request})
        assert await happened(registry.slow_ended)


async def test_an_upload_streams_up(operator: httpx.AsyncClient, deployer: Deployer) -> None:
    """An upload that is collected first would cost the console's memory for every session that is sent."""

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        assert await happened(deployer.first_chunk), "the first piece waited for the last"
        yield b"second"

    answer = await operator.post("/api/v1/group-ai/scripts", content=body())
    assert answer.json()["size"] == len(b"firstsecond")
    assert deployer.chunks[0] == b"first"


async def test_a_body_of_known_length_keeps_it(operator: httpx.AsyncClient) -> None:
    """Without its length a service behind cannot refuse a large body before it comes."""
    seen = (await operator.post("/api/v1/group-ai/scripts", content=b"x" * 300_000)).json()
    assert seen["size"] == 300_000
    assert seen["headers"]["content-length"] == "300000"


async def test_a_body_over_the_limit_is_refused(operator: httpx.AsyncClient) -> None:
    """A 50 MB body must end at the door, whether its length was announced or not."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100_000

    announced = await operator.post("/api/v1/group-ai/scripts", content=b"x" * 9_000_000)
    streamed = await operator.post("/api/v1/group-ai/scripts", content=endless())
    assert (announced.status_code, streamed.status_code) == (413, 413)
    assert "nothing was taken in" in streamed.json()["detail"]


async def test_many_at_once_do_not_mix(operator: httpx.AsyncClient) -> None:
    """Answers that reach the wrong client would show one operator another's accounts."""
    answers = await asyncio.gather(*(operator.get(f"/api/v1/group-ai/accounts/a{n}") for n in range(60)))
    assert [answer.json()["account_id"] for answer in answers] == [f"a{n}" for n in range(60)]


async def test_nodes_that_wait_for_orders_keep_nobody_else_waiting(origin: str, registry: Registry) -> None:
    """A few hundred workers would close the origin for the operator."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=origin, headers=headers, timeout=20, limits=limits) as client:
        polls = [
            asyncio.create_task(client.get(f"/api/v1/workers/n{number}/commands")) for number in range(OF_OTHERS + 1)
        ]
        try:
            await until(lambda: registry.polling == len(polls), "all of them wait")
            assert (await client.get("/api/v1/workers")).status_code == 200
        finally:
            registry.ordered.set()
        answers = await asyncio.gather(*polls)
    assert [answer.json()["node_id"] for answer in answers] == [f"n{number}" for number in range(len(polls))]
