"""`/live`: what an open page is told while it is open. See `live.hub`."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.console.clients.api import Away
from services.console.pages.desk import Desk
from services.console.session import NotSignedIn

PING_SECONDS = 15


def stream_pages(desk: Desk) -> APIRouter:
    """The stream of news, for whoever has signed in."""
    router = APIRouter(include_in_schema=False)

    @router.get("/live")
    async def live(request: Request) -> EventSourceResponse:
        await desk.visitor(request)
        topics = request.query_params.get("topics", "").split(",")
        given = request.query_params.get("since", "")
        since = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
        return EventSourceResponse(_messages(desk, request, topics, since), ping=PING_SECONDS)

    return router


async def _messages(
    desk: Desk, request: Request, topics: list[str], since: int | None
) -> AsyncIterator[ServerSentEvent]:
    with desk.hub.reader(topics, since) as reader:
        yield ServerSentEvent(comment="connected")
        async for message in reader.messages():
            try:
                await desk.visitor(request)
            except NotSignedIn:
                # The token was revoked: the page connects again, and is sent to the sign-in.
                return
            except Away:
                pass
            yield ServerSentEvent(data=message)
