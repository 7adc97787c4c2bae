"""A bound on what one node's token may ask of the doors that are a node's own: what is beyond it is answered with 429.

In the spirit of the bound at the broker (`shared/messaging/flooding.py`), and a tenth of it: over HTTP each message
costs more, and an agent posts one after the other, when the one before was taken. Counted in memory, for each replica.
Of everybody else's tokens nothing is counted: whoever has an admin's can do worse than that.
"""

import math

import structlog
from fastapi import Request

from shared.clock import Clock
from shared.http import Problem
from shared.http.allowance import Allowance
from shared.http.roles import actor_of

log = structlog.get_logger(__name__)

# Messages: a request without any counts as one. A node that comes back with a full ledger may be quick for a while.
MOST_AT_ONCE = 2_000
A_MINUTE = 12_000.0
# Of more nodes than that, those that came last are counted.
MOST_NODES = 20_000
TOLD_A_MINUTE = 1.0

TOO_MUCH = (
    429,
    "too-many-messages",
    "the node sends more than any node has to say: wait as long as `Retry-After` says",
)


class NodeRates:
    """A dependency of a node's doors; those that take many messages at once `take` the others, too."""

    def __init__(self, clock: Clock) -> None:
        self._allowance = Allowance(MOST_AT_ONCE, A_MINUTE, MOST_NODES, clock.monotonic)
        self._telling = Allowance(1, TOLD_A_MINUTE, MOST_NODES, clock.monotonic)

    async def __call__(self, request: Request) -> None:
        """Count the request. Raises Problem."""
        self.take(request, 1)

    def take(self, request: Request, count: int) -> None:
        """Count so many messages. Raises Problem."""
        node_id = actor_of(request).node_id
        if node_id is None or self._allowance.take(node_id, count):
            return
        wait = math.ceil(self._allowance.seconds_to(node_id, count))
        if self._telling.take(node_id):
            log.warning("node_asks_too_much", node=node_id, a_minute=A_MINUTE,
                        advice="revoke the node if somebody has its credentials")  # fmt: skip
        status, slug, _ = TOO_MUCH
        detail = f"node {node_id!r} sends more than any node has to say: send it again in {wait} seconds"
        raise Problem(status, slug, detail, headers={"retry-after": str(wait)})
