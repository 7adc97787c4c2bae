"""The stream of events, without an end: it connects again by itself and goes on after the last event it had.

A connection that never came about is the caller's failure; one that broke is taken up again, with a growing wait of
at most half a minute. What the services still have of the time between comes first, because `Last-Event-ID` says
where the reader stopped. The operator is told when the stream begins, breaks, goes on, and has gaps.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from httpx_sse import ServerSentEvent

from services.cli.client import Client
from services.cli.failures import CommandFailed
from services.cli.paths import EVENTS
from shared.backoff import Backoff
from shared.randomness import Randomness

# What the stream says of itself; in our words, because its own are for programs.
OF_THE_STREAM = "stream."
RESET = "stream.reset"
_ENDS = {"stream.closed": "the registry stops", "stream.dropped": "events came faster than they were read here"}
AGAIN = Backoff(first=0.5, most=30.0)


class Wait(Protocol):
    """Waits for some seconds."""

    def __call__(self, seconds: float, /) -> None:
        """Wait."""
        ...


class _News:
    """What the operator is told about the connection: nothing twice in a row, however often it is tried."""

    def __init__(self, note: Callable[[str], None], url: str) -> None:
        self._note, self._url = note, url
        self._last = ""

    def began(self, attempt: int, last_id: str) -> None:
        if not attempt:
            self._say(f"connected to {self._url}: changes are shown as they happen; Ctrl-C ends it")
        elif last_id:
            self._say("connected again: it goes on after the last event above")
        else:
            self._say("connected again: what happened before is not shown")

    def broke(self, reason: str) -> None:
        self._say(f"{reason}; connecting again")

    def gap(self) -> None:
        lists = "`callboard nodes`, `callboard accounts` and `callboard deployments` show how things are now"
        self._say(f"here events are missing, which the registry no longer has: {lists}")

    def _say(self, sentence: str) -> None:
        if sentence != self._last:
            self._note(sentence)
        self._last = sentence


def follow_events(
    client: Client, types: Sequence[str], note: Callable[[str], None], randomness: Randomness, wait: Wait = time.sleep
) -> Iterator[ServerSentEvent]:
    """Events of these types (`deploy.*`: all that begin so) from now on; all of them for no types.

    Raises CommandFailed when it cannot connect at all, or may not.
    """
    # The registry takes beginnings of types; what it lets through is looked at again, because ours may be exact.
    beginnings = ",".join(one.partition("*")[0] for one in types) or None
    news = _News(note, client.url)
    last_id, attempt, connected = "", 0, False
    least_wait = 0.0
    while True:
        reason = "the stream of events has ended"
        try:
            with client.event_stream(EVENTS, last_id, {"types": beginnings}) as source:
                news.began(attempt, last_id)
                connected = True
                for event in source.iter_sse():
                    last_id, attempt = event.id or last_id, 0
                    least_wait = (event.retry or 0) / 1000
                    # The library makes an event without data of every keep-alive comment once it has seen an id.
                    if not event.data:
                        continue
                    if event.event == RESET:
                        news.gap()
                    elif event.event.startswith(OF_THE_STREAM):
                        reason = _ENDS.get(event.event, reason)
                    elif not types or any(fnmatchcase(event.event, pattern) for pattern in types):
                        yield event
        except CommandFailed as failed:
            if not connected or not failed.passing:
                raise
            reason = failed.gist
        news.broke(reason)
        wait(max(least_wait, AGAIN.delay(attempt, randomness)))
        attempt += 1
