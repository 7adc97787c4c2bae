"""`GET /api/v1/events`: changes as server-sent events, as they come over the bus.

`id` is the place in the stream, `event` the message's type, `data` its JSON. A reader that was cut off sends
`Last-Event-ID` and goes on; `stream.reset` tells it that it has missed something and must read the state anew.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.registry.use_cases.follow_events import EventStream

PING_SECONDS = 15

Types = Annotated[
    str | None,
    Query(
        max_length=500,
        pattern=r"^[a-z0-9.,-]*$",
        description="beginnings of types, separated by commas: `fleet.node,deploy.`",
    ),
]


def events_router(stream: EventStream) -> APIRouter:
    """The event stream."""
    router = APIRouter(prefix="/api/v1/events", tags=["events"])

    @router.get("", response_class=EventSourceResponse)
    async def events(
        types: Types = None, last_event_id: Annotated[str | None, Header(max_length=100)] = None
    ) -> EventSourceResponse:
        """Events of the fleet and of deployments, live."""
        prefixes = [prefix for prefix in (types or "").split(",") if prefix]
        return EventSourceResponse(_events(stream, prefixes, last_event_id), ping=PING_SECONDS)

    return router


async def _events(stream: EventStream, prefixes: list[str], last_id: str | None) -> AsyncIterator[ServerSentEvent]:
    with stream.follow(prefixes, last_id) as reader:
        # A first comment, so that a reader knows at once that it is connected.
        yield ServerSentEvent(comment="connected")
        async for event in reader.events():
            yield ServerSentEvent(id=event.id or None, event=event.type, data=event.data)
