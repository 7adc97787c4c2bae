"""A bound on what one node may send: more than that is dropped unread, and told once.

A node's login at the broker may publish as that node alone, so the routing key says whose a message is, whatever its
body says. What is beyond the bound costs a look at the key: no parsing, no batch, no dead letter. Counted for each key
in windows of ten seconds, in memory, for each replica, by when messages are read: when they were sent, only their
sender could say.

Beats that waited are dropped by the broker, so too many of them are sent by somebody now. Other reports wait in their
queue for as long as nobody reads it, and a node that was started again meanwhile has put all that is in its ledger
there once more. Reading them takes one window at most: only a node that is beyond the bound in two in a row floods.
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
    """See the module's docstring. `flooded` is called with a node that floods, once in a window."""

    def __init__(self, clock: Clock, flooded: Flooded = _nobody) -> None:
        self._clock = clock
        self._flooded = flooded
        self._counts: Counter[str] = Counter()
        self._beyond_before: set[str] = set()
        self._ends_at = 0.0

    def admits(self, routing_key: str) -> bool:
        """Whether a message with this key is taken in."""
        if not routing_key.startswith("node."):
            return True
        now = self._clock.monotonic()
        if now >= self._ends_at:
            self._begin(now)
        self._counts[routing_key] += 1
        count, most = self._counts[routing_key], _most(routing_key)
        if count == most + 1:
            self._tell(routing_key, most)
        return count <= most

    def _begin(self, now: float) -> None:
        """A window; the one before counts only if it has just ended."""
        beyond = {key for key, count in self._counts.items() if count > _most(key)}
        self._beyond_before = beyond if now < self._ends_at + WINDOW_SECONDS else set()
        self._counts.clear()
        self._ends_at = now + WINDOW_SECONDS

    def _tell(self, routing_key: str, most: int) -> None:
        node_id = routing_key.removeprefix("node.").rpartition(".")[0]
        log.warning("node_floods", node=node_id, key=routing_key, most=most, seconds=WINDOW_SECONDS,
                    advice="the rest is dropped; revoke the node if somebody has its credentials")  # fmt: skip
        if _is_beat(routing_key) or routing_key in self._beyond_before:
            self._flooded(node_id)


def _is_beat(routing_key: str) -> bool:
    return routing_key.endswith(".heartbeat")


def _most(routing_key: str) -> int:
    return MOST_HEARTBEATS if _is_beat(routing_key) else MOST_REPORTS
