"""`/live`: what an open page is told while it is open. See `live.hub`."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.console.live.hub import Hub
from services.console.pages.desk import Desk

PING_SECONDS = 15


def stream_pages(desk: Desk) -> APIRouter:
    """The stream of news, for whoever has signed in."""
    router = APIRouter(include_in_schema=False)

    @router.get("/live", dependencies=[Depends(desk.visitor)])
    async def live(request: Request) -> EventSourceResponse:
        topics = request.query_params.get("topics", "").split(",")
        return EventSourceResponse(
            _messages(desk.hub, topics), ping=PING_SECONDS, headers={"cache-control": "no-store"}
        )

    return router


async def _messages(hub: Hub, topics: list[str]) -> AsyncIterator[ServerSentEvent]:
    with hub.reader(topics) as reader:
        yield ServerSentEvent(comment="connected")
        async for message in reader.messages():
            yield ServerSentEvent(data=message)
