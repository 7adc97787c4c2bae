"""Keep the broker's logins as they shall be: whoever joined has one, whoever was revoked has none.

Called every few seconds on one replica. A look compares everything; it is taken when a node has joined or was revoked
since the last one, when a login that should be there is not, which is how an erased broker shows, and now and then. A
queue that is missed in between is made at once, by whoever misses it, unless a login was just made with it. A node that
floods is locked out at once, by whoever sees it, until the next look but one: nobody has to remember it. Raises
Unavailable.
"""

import asyncio
from collections.abc import Collection

import structlog

from services.registry.domain.access_ports import AccessStore
from services.registry.domain.broker_access import BrokerAccess, NodeLogin
from shared.clock import Clock
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

STEP_SECONDS = 2.0
# A look at 10,000 logins costs the broker half a second.
LOOK_SECONDS = 60.0
# A queue that is missed so soon after it was made was missed before, or is missed for another reason.
REPAIR_SECONDS = 5.0
MOST_REPAIRS = 1_000


class KeepAccess:
    """See the module's docstring."""

    def __init__(self, store: AccessStore, broker: BrokerAccess, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._broker = broker
        self._clock = clock
        self._randomness = randomness
        self._logins: list[NodeLogin] = []
        self._seen = ""
        self._look_at = 0.0
        self._missed: set[str] = set()
        self._made: dict[str, float] = {}
        self._granting = asyncio.Lock()
        self._flooding: set[str] = set()
        self._locked: set[str] = set()

    async def step(self) -> None:
        """Look if there is a reason to."""
        standing = await self._store.standing()
        now = self._clock.monotonic()
        if standing == self._seen and now < self._look_at and await self._sample_is_there():
            return
        await self._look()
        self._seen, self._look_at = standing, now + LOOK_SECONDS

    def misses(self, node_id: str) -> None:
        """An order for this node found no queue."""
        now = self._clock.monotonic()
        if now >= self._made.get(node_id, 0.0) and len(self._missed) < MOST_REPAIRS:
            self._missed.add(node_id)

    def floods(self, node_id: str) -> None:
        """A node sends more than anybody may."""
        self._flooding.add(node_id)

    async def repair(self) -> None:
        """Lock out who floods and make what was missed, on whatever replica that was noticed."""
        if self._flooding:
            await self._lock_out()
        if not self._missed:
            return
        async with self._granting:
            logins = await self._store.logins()
            # Nobody's queue is forgotten.
            self._missed &= {login.node_id for login in logins}
            wanted = [login for login in logins if login.node_id in self._missed]
            if wanted:
                await self._grant(wanted, "a queue was missed")

    async def _sample_is_there(self) -> bool:
        return not self._logins or await self._broker.holds(self._randomness.choice(self._logins))

    async def _look(self) -> None:
        await self._broker.bound_queues()
        await self._let_in()
        async with self._granting:
            there, known = await self._broker.granted(), await self._broker.known()
            # After the broker was asked: whoever has joined meanwhile is granted again, which does no harm, and
            # nobody's login is taken for a stranger's.
            self._logins = await self._store.logins()
            await self._cut_off(known & await self._store.revoked())
            missing = [login for login in self._logins if login not in there]
            if missing:
                await self._grant(missing, "they were not there")

    async def _lock_out(self) -> None:
        seen = frozenset(self._flooding)
        # Who is cut off for good has no login any more; RabbitMQ would take a limit for nobody.
        flooding = seen & {login.node_id for login in await self._store.logins()}
        await self._broker.lock_out(flooding)
        # Not those that were noticed meanwhile.
        self._flooding -= seen
        for node_id in sorted(flooding):
            log.warning("node_locked_out", node=node_id, advice="its login opens nothing for a minute or two; "
                        "if somebody has its credentials, revoke the node")  # fmt: skip

    async def _let_in(self) -> None:
        locked = await self._broker.locked_out()
        over = locked & self._locked
        await self._broker.let_in(over)
        self._locked = locked - over
        if over:
            log.info("nodes_let_in", nodes=sorted(over)[:20])

    async def _grant(self, logins: list[NodeLogin], why: str) -> None:
        await self._broker.grant(logins)
        # What was missed before they were made, and what comes back a moment after.
        ids = {login.node_id for login in logins}
        now = self._clock.monotonic()
        self._missed -= ids
        self._made = {each: until for each, until in self._made.items() if until > now}
        self._made |= dict.fromkeys(ids, now + REPAIR_SECONDS)
        log.info("logins_made", count=len(logins), nodes=[login.node_id for login in logins[:20]], why=why)

    async def _cut_off(self, node_ids: Collection[str]) -> None:
        if node_ids:
            await self._broker.cut_off(node_ids)
            log.warning("logins_removed", nodes=sorted(node_ids)[:20], count=len(node_ids))
