"""A bound on what one node may send: more than that is dropped unread, and told once.

A node's login at the broker may publish as that node alone, so the routing key says whose a message is, whatever its
body says. What is beyond the bound costs a look at the key: no parsing, no batch, no dead letter. Counted for each key
in windows of ten seconds, in memory, for each replica.
"""

from collections import Counter
from collections.abc import Callable

import structlog

from shared.clock import Clock

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 10.0
# An agent beats five times a second at most, and again when it is asked to or has something new.
MOST_HEARTBEATS = 200
# Five thousand accounts, each of which changes its state four times: more than any start of an agent has.
MOST_REPORTS = 20_000

Flooded = Callable[[str], None]


def _nobody(node_id: str) -> None:
    """It is only logged."""


class FloodBound:
    """See the module's docstring. `flooded` is called with the node, once in a window."""

    def __init__(self, clock: Clock, flooded: Flooded = _nobody) -> None:
        self._clock = clock
        self._flooded = flooded
        self._counts: Counter[str] = Counter()
        self._ends_at = 0.0

    def admits(self, routing_key: str) -> bool:
        """Whether a message with this key is taken in."""
        begin, _, rest = routing_key.partition(".")
        if begin != "node":
            return True
        now = self._clock.monotonic()
        if now >= self._ends_at:
            self._counts.clear()
            self._ends_at = now + WINDOW_SECONDS
        self._counts[routing_key] += 1
        node_id, _, word = rest.rpartition(".")
        most = MOST_HEARTBEATS if word == "heartbeat" else MOST_REPORTS
        if self._counts[routing_key] <= most:
            return True
        if self._counts[routing_key] == most + 1:
            log.warning("node_floods", node=node_id, key=routing_key, most=most, seconds=WINDOW_SECONDS,
                        advice="the rest is dropped; revoke the node if somebody has its credentials")  # fmt: skip
            self._flooded(node_id)
        return False
