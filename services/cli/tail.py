"""The stream of events, without an end: it connects again by itself and goes on after the last event it had.

A connection that never came about is the caller's failure; one that broke is taken up again, with a growing wait of
at most half a minute. What the services still have of the time between comes first, because `Last-Event-ID` says
where the reader stopped.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from httpx_sse import ServerSentEvent

from services.cli.client import Client
from services.cli.failures import CommandFailed
from shared.backoff import Backoff
from shared.randomness import Randomness

PATH = "/api/v1/events"
# What the stream says of itself: that events were missed, that this reader is too slow, that the registry stops.
OF_THE_STREAM = "stream."
AGAIN = Backoff(first=0.5, most=30.0)


class Wait(Protocol):
    """Waits for some seconds."""

    def __call__(self, seconds: float, /) -> None:
        """Wait."""
        ...


def follow_events(
    client: Client, types: Sequence[str], note: Callable[[str], None], randomness: Randomness, wait: Wait = time.sleep
) -> Iterator[ServerSentEvent]:
    """Events of these types (`deploy.*`: all that begin so) from now on; all of them for no types.

    Raises CommandFailed when it cannot connect at all, or may not.
    """
    # The registry takes beginnings of types; what it lets through is looked at again, because ours may be exact.
    beginnings = ",".join(one.partition("*")[0] for one in types) or None
    last_id, attempt, connected = "", 0, False
    least_wait = 0.0
    while True:
        try:
            with client.event_stream(PATH, last_id, {"types": beginnings}) as source:
                if attempt:
                    note("connected again")
                connected = True
                for event in source.iter_sse():
                    last_id, attempt = event.id or last_id, 0
                    least_wait = (event.retry or 0) / 1000
                    # The library makes an event without data of every keep-alive comment once it has seen an id.
                    if not event.data:
                        continue
                    if event.event.startswith(OF_THE_STREAM):
                        note(f"{event.event}: {_reason(event.data)}")
                    elif not types or any(fnmatchcase(event.event, pattern) for pattern in types):
                        yield event
            reason = "the stream has ended"
        except CommandFailed as failed:
            if not connected or not failed.passing:
                raise
            reason = failed.sentence
        note(f"{reason}; connecting again")
        wait(max(least_wait, AGAIN.delay(attempt, randomness)))
        attempt += 1


def _reason(data: str) -> str:
    try:
        return str(json.loads(data)["reason"])
    except (ValueError, KeyError, TypeError):
        return data
