"""The vault sends a login: open it, hold it in memory, and let the crew start the account with it.

Taken only for an account that the node's set has in that epoch and whose login is not here yet: what is here is the
same login in a newer state, so an order that is told again, or replayed, changes nothing. What cannot be taken is
logged and shown beside the account, which goes on asking; whether the login itself is any good is found out when it
connects. Raises Rejected for another node's order.
"""

import structlog

from services.node_agent.domain.assignments import Assignments, Says
from services.node_agent.domain.logins import Login, UnusableLogin
from services.node_agent.domain.ports import Downloader, DownloadFailed, HeldLogins, Ring
from services.node_agent.use_cases.sealing_logins import LoginSealer, unwritten
from shared.contracts.sessions import LARGEST_SEALED, DeliverSession
from shared.messaging import Rejected

log = structlog.get_logger(__name__)


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
        self.taken: Ring = lambda: None

    async def __call__(self, order: DeliverSession) -> None:
        """Take the login."""
        if order.node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the login is for {order.node_id!r}")
        if why := self._not_wanted(order):
            log.info("login_not_taken", account=order.account_id, epoch=order.epoch, reason=why)
            return
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
        return None

    async def _sealed(self, order: DeliverSession) -> bytes:
        if order.sealed is not None:
            return unwritten(order.sealed)
        if order.url is None:
            raise UnusableLogin("the order has neither the login nor a place to fetch it from")
        return await self._downloader.fetch(order.url, LARGEST_SEALED)
