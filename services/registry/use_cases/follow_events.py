"""The event stream: every event of the bus goes to every reader, and no reader can hold up another.

Each reader has a bounded queue. One that does not keep up is dropped, with a last event that says so; it comes back
with the id of the last event it saw and misses nothing that the log still has.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

from services.registry.domain.event_log import Event, EventLog, Unknown
from shared.contracts.contract import Contract

# At a megabyte of events a reader is behind for good, not for a moment.
MOST_WAITING = 1_000
KEPT_EVENTS = 10_000

RESET = "stream.reset"
DROPPED = "stream.dropped"
CLOSED = "stream.closed"

_REASON = '{{"reason":"{}"}}'


class Reader:
    """One reader's queue. `prefixes` choose events by the beginning of their type; none chooses all."""

    def __init__(self, prefixes: Sequence[str]) -> None:
        self._prefixes = tuple(prefixes)
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._most = MOST_WAITING
        self.ended = False

    def offer(self, event: Event) -> None:
        """Put an event in the queue, or end the reader if it is full."""
        if self.ended or not self._wants(event):
            return
        if self._queue.qsize() >= self._most:
            while not self._queue.empty():
                self._queue.get_nowait()
            self.end(DROPPED, "this reader was too slow: connect again with the id of the last event")
            return
        self._queue.put_nowait(event)

    def catch_up(self, missed: Sequence[Event]) -> None:
        """Put what the reader missed in the queue; the log bounds how much."""
        for event in missed:
            if self._wants(event):
                self._queue.put_nowait(event)
        # New events come on top of what was missed: the reader gets its whole allowance for them.
        self._most = self._queue.qsize() + MOST_WAITING

    def tell(self, type_name: str, reason: str) -> None:
        """Tell this reader alone something about the stream."""
        self._queue.put_nowait(Event("", type_name, _REASON.format(reason)))

    def end(self, type_name: str, reason: str) -> None:
        """Nothing comes after what waits, but this last event with the reason."""
        self.ended = True
        self.tell(type_name, reason)

    def _wants(self, event: Event) -> bool:
        return not self._prefixes or event.type.startswith(self._prefixes)

    async def events(self) -> AsyncIterator[Event]:
        """The events, until the reader was ended."""
        while not (self.ended and self._queue.empty()):
            yield await self._queue.get()


class EventStream:
    """All readers of this replica, and the log of what they could have missed."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._readers: set[Reader] = set()

    async def take(self, message: Contract) -> None:
        """An event came over the bus."""
        event = self._log.append(message.TYPE, message.model_dump_json())
        for reader in self._readers:
            reader.offer(event)

    @contextmanager
    def follow(self, prefixes: Sequence[str], last_id: str | None) -> Iterator[Reader]:
        """A reader from now on, or from the event after `last_id`; told to start anew if that is not known."""
        reader = Reader(prefixes)
        if last_id is not None:
            missed = self._log.after(last_id)
            if isinstance(missed, Unknown):
                reader.tell(RESET, missed.reason)
            else:
                reader.catch_up(missed)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def close(self) -> None:
        """End every reader: the registry stops."""
        for reader in self._readers:
            reader.end(CLOSED, "the registry stops: connect again")
