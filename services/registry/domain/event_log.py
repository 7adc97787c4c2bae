"""The newest events of the stream, so that a reader who was cut off can go on where it was.

An event's id is `<log name>-<number>`: another replica, or this one after a restart, has another name, and a reader
that comes with a foreign or a forgotten id is told to read the state anew.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `data` is the message's JSON."""

    id: str
    type: str
    data: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The log cannot go on after this id; `reason` is for the reader."""

    reason: str


class EventLog:
    """A ring of the newest `capacity` events. `name` has no dash in it."""

    def __init__(self, name: str, capacity: int) -> None:
        self._name = name
        self._events: deque[Event] = deque(maxlen=capacity)
        self._number = 0

    def append(self, type_name: str, data: str) -> Event:
        """Add an event, forgetting the oldest if need be."""
        self._number += 1
        event = Event(f"{self._name}-{self._number}", type_name, data)
        self._events.append(event)
        return event

    def after(self, event_id: str) -> list[Event] | Unknown:
        """The events since `event_id`."""
        name, _, number = event_id.partition("-")
        if name != self._name or not (number.isascii() and number.isdigit()):
            return Unknown("this id is of another event stream: read the state again")
        missed = self._number - int(number)
        if missed < 0:
            return Unknown("this id is ahead of the stream: read the state again")
        if missed > len(self._events):
            return Unknown("the events since this id are no longer kept: read the state again")
        return list(self._events)[len(self._events) - missed :]
