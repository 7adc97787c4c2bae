"""The newest events as they came, for the page that shows them. A window, no log: it begins when the console does."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.console.live.hub import ALL, Hub, News
from shared.clock import Clock

EVENTS = "events"
KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Happened:
    """One event; `number` counts from the console's start."""

    number: int
    at: datetime
    type: str
    data: str


class EventWindow:
    """See the module's docstring."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub, self._clock = hub, clock
        self._events: deque[Happened] = deque(maxlen=KEPT)
        self._number = 0

    def add(self, type_name: str, data: str) -> None:
        """An event came."""
        self._number += 1
        self._events.append(Happened(self._number, self._clock.now(), type_name, data))
        self._hub.tell(News(EVENTS, (ALL,)))

    def newest(self, most: int, wanted: Callable[[Happened], bool]) -> list[Happened]:
        """The newest that are wanted, the last one first."""
        found: list[Happened] = []
        for event in reversed(self._events):
            if len(found) == most:
                break
            if wanted(event):
                found.append(event)
        return found
