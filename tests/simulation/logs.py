"""Where the logs of a simulated fleet go: nowhere, but for the errors that no part should ever make.

`aloud` prints them, each with the second of virtual time at which it was made.
"""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared.clock import Clock


class LogBook:
    """Collects what was logged with an exception: an error that some code caught because it did not expect it."""

    def __init__(self, clock: Clock, *, aloud: bool = False) -> None:
        self.mistakes: list[str] = []
        self._clock = clock
        self._aloud = aloud
        self._before: dict[str, Any] = {}

    def open(self) -> None:
        """Take the logs, until `close`."""
        self._before = structlog.get_config()
        level = logging.INFO if self._aloud else logging.ERROR
        processors = [self._note, *(self._before["processors"] if self._aloud else [_drop])]
        structlog.configure(processors=processors, wrapper_class=structlog.make_filtering_bound_logger(level))

    def close(self) -> None:
        """Give them back."""
        structlog.configure(**self._before)

    def _note(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event.get("exc_info"):
            told = {name: value for name, value in event.items() if name != "exc_info"}
            self.mistakes.append(f"{told} {event['exc_info']!r}")
        event["second"] = round(self._clock.monotonic(), 3)
        return event


def _drop(_: Any, __: str, ___: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    raise structlog.DropEvent
