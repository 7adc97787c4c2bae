"""The vault sends a login: open it, hold it in memory, and let the crew start the account with it.

Taken only for an account that the node's set has in that epoch and whose login is not here yet: what is here is the
same login in a newer state, so an order that is told again, or replayed, changes nothing. A login of an earlier epoch
has to be handed back first. What cannot be taken is logged and shown beside the account, which goes on asking; whether
the login itself is any good is found out when it connects. A login that is too large for its order is fetched beside
the orders that follow, which may be the next lease. Raises Rejected for another node's order.
"""

import asyncio

import structlog

from services.node_agent.domain.assignments import Assignments, Says
from services.node_agent.domain.logins import Login, UnusableLogin
from services.node_agent.domain.ports import Downloader, DownloadFailed, HeldLogins, Ring
from services.node_agent.use_cases.sealing_logins import LoginSealer, unwritten
from shared.contracts.sessions import LARGEST_SEALED, DeliverSession
from shared.messaging import Rejected

log = structlog.get_logger(__name__)

# The others wait for their turn, each with its newest order.
FETCHED_AT_ONCE = 10


class TakeLogin:
    """See the module's docstring. `taken` is rung when a login has come."""

    def __init__(
        self,
        node_id: str,
        assignments: Assignments,
        logins: HeldLogins,
        sealer: LoginSealer,
        downloader: Downloader,
    ) -> None:
        self._node_id = node_id
        self._assignments = assignments
        self._logins = logins
        self._sealer = sealer
        self._downloader = downloader
        self._orders: dict[str, DeliverSession] = {}
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(FETCHED_AT_ONCE)
        self.taken: Ring = lambda: None

    async def __call__(self, order: DeliverSession) -> None:
        """Take the login."""
        if order.node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the login is for {order.node_id!r}")
        if why := self._not_wanted(order):
            log.info("login_not_taken", account=order.account_id, epoch=order.epoch, reason=why)
        elif order.sealed is not None or order.url is None:
            await self._take(order)
        else:
            self._orders[order.account_id] = order
            if order.account_id not in self._fetches:
                fetch = asyncio.create_task(self._fetch(order.account_id), name=f"login of {order.account_id}")
                self._fetches[order.account_id] = fetch
                fetch.add_done_callback(lambda _: self._fetches.pop(order.account_id))

    async def run(self) -> None:
        """Own the fetches until cancelled; then end them."""
        try:
            await asyncio.Event().wait()
        finally:
            fetches = list(self._fetches.values())
            for fetch in fetches:
                fetch.cancel()
            await asyncio.gather(*fetches, return_exceptions=True)

    async def _fetch(self, account_id: str) -> None:
        async with self._places:
            order = self._orders.pop(account_id)
            try:
                if not self._not_wanted(order):
                    await self._take(order)
            except Exception:
                # A mistake of ours about one login, of which nobody else would hear; it is asked for again.
                log.exception("login_not_fetched", account=account_id, epoch=order.epoch)

    async def _take(self, order: DeliverSession) -> None:
        try:
            state = await self._sealer.open(order, await self._sealed(order))
        except (UnusableLogin, DownloadFailed) as error:
            log.error("login_not_usable", account=order.account_id, epoch=order.epoch, reason=str(error))
            self._logins.refuse(order.account_id, str(error))
            return
        # Opening took a while: another copy of the order, or another set, may have come first.
        if why := self._not_wanted(order):
            log.info("login_not_taken", account=order.account_id, epoch=order.epoch, reason=why)
            return
        self._logins.keep(order.account_id, Login(order.epoch, order.version, order.hash), state)
        log.info("login_taken", account=order.account_id, epoch=order.epoch, version=order.version)
        self.taken()

    def _not_wanted(self, order: DeliverSession) -> str | None:
        assigned = self._assignments.says(order.account_id) is Says.HERE
        if not assigned or self._assignments.epoch(order.account_id) != order.epoch:
            return "the account is not assigned to this node in this epoch"
        if self._logins.has(order.account_id, order.epoch):
            return "its login is here already"
        if order.account_id in self._logins:
            return "its login of an earlier epoch is not handed back yet"
        return None

    async def _sealed(self, order: DeliverSession) -> bytes:
        if order.sealed is not None:
            return unwritten(order.sealed)
        if order.url is None:
            raise UnusableLogin("the order has neither the login nor a place to fetch it from")
        return await self._downloader.fetch(order.url, LARGEST_SEALED)
