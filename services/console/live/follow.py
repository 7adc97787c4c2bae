"""Follows the registry's event stream for as long as the console runs, and tells the hub what it is about.

A cut is taken up with `Last-Event-ID`. When the stream says that events were missed, or a first connection was made
after pages could have been open, every page is told to read everything anew. The registry may be away for hours: it is
asked again with a growing pause, and nothing else of the console waits for it.
"""

from dataclasses import dataclass

import httpx
import structlog
from httpx_sse import ServerSentEvent, SSEError, aconnect_sse

from services.console.live.hub import Hub
from services.console.live.topics import news_of
from services.console.live.window import EventWindow
from shared.backoff import Backoff
from shared.clock import Clock
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

PATH = "/api/v1/events"
MISSED = "stream.reset"
# A comment comes every 15 seconds.
SILENCE = httpx.Timeout(10.0, connect=3.0, read=40.0)
AGAIN = Backoff(first=0.5, most=5.0)


@dataclass(frozen=True)
class Registry:
    """Where the registry is, and the console's own token there."""

    client: httpx.AsyncClient
    url: str
    token: str


class Follower:
    """See the module's docstring."""

    def __init__(self, registry: Registry, hub: Hub, window: EventWindow, clock: Clock, randomness: Randomness) -> None:
        self._registry = registry
        self._hub, self._window = hub, window
        self._clock, self._randomness = clock, randomness
        self._last_id = ""
        self._attempt = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._read()
            except (httpx.HTTPError, SSEError) as error:
                log.warning("event_stream_broken", reason=repr(error))
            await self._clock.sleep(AGAIN.delay(self._attempt, self._randomness))
            self._attempt += 1

    async def _read(self) -> None:
        headers = {"authorization": f"Bearer {self._registry.token}"}
        if self._last_id:
            headers["last-event-id"] = self._last_id
        async with aconnect_sse(
            self._registry.client, "GET", self._registry.url + PATH, headers=headers, timeout=SILENCE
        ) as source:
            source.response.raise_for_status()
            self._attempt = 0
            if not self._last_id:
                self._hub.reset()
            async for event in source.aiter_sse():
                self._take(event)

    def _take(self, event: ServerSentEvent) -> None:
        if event.id:
            self._last_id = event.id
        if event.event == MISSED:
            self._last_id = ""
            self._hub.reset()
        elif event.data and not event.event.startswith("stream."):
            self._window.add(event.event, event.data)
            self._hub.tell(*news_of(event.event, event.data))
