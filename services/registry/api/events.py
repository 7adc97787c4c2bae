"""`GET /api/v1/events`: changes as server-sent events, as they come over the bus.

`id` is the place in the stream, `event` the message's type, `data` its JSON. A reader that was cut off sends
`Last-Event-ID` and goes on; `stream.reset` tells it that it has missed something and must read the state anew.
"""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import AfterValidator
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.registry.use_cases.follow_events import EventStream

PING_SECONDS = 15

_EXAMPLE = """: connected

id: 0f3a-17
event: fleet.node.v1
data: {"node_id":"tokyo-1","change":"online","status":"online","account_count":3}

"""

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the events, one after the other, without an end",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}


def _readable(given: str | None) -> str | None:
    if given is not None and not re.fullmatch(r"[a-z0-9.,-]*", given):
        raise ValueError("must be beginnings of types such as fleet.node.v1, separated by commas")
    return given


Types = Annotated[
    str | None,
    Query(
        max_length=500,
        description="beginnings of types, separated by commas; without it all come",
        examples=["fleet.node,deploy."],
    ),
    AfterValidator(_readable),
]
LastId = Annotated[
    str | None, Header(max_length=100, description="the `id` of the last event that was read, to go on after it")
]


def events_router(stream: EventStream) -> APIRouter:
    """The event stream."""
    router = APIRouter(prefix="/api/v1/events", tags=["events"])

    @router.get("", summary="Follow what happens", response_class=EventSourceResponse, responses=_STREAM)
    async def follow_events(types: Types = None, last_event_id: LastId = None) -> EventSourceResponse:
        """Changes of the fleet and of deployments as server-sent events, live.

        `event` is the message's type and `data` its JSON, as the event API describes it. A comment comes every 15
        seconds. `stream.reset` says that events were missed: read the lists anew. `stream.dropped` and `stream.closed`
        are the last event of a stream: connect again with `Last-Event-ID`.
        """
        prefixes = [prefix for prefix in (types or "").split(",") if prefix]
        return EventSourceResponse(_events(stream, prefixes, last_event_id), ping=PING_SECONDS)

    return router


async def _events(stream: EventStream, prefixes: list[str], last_id: str | None) -> AsyncIterator[ServerSentEvent]:
    with stream.follow(prefixes, last_id) as reader:
        # A first comment, so that a reader knows at once that it is connected.
        yield ServerSentEvent(comment="connected")
        async for event in reader.events():
            yield ServerSentEvent(id=event.id or None, event=event.type, data=event.data)
