"""The vault asks for the present state of an account's login.

Taken only for an account that the node has in that epoch, and whose login is here. What runs is saved first, so that
the state is of this moment. It goes the way of every state, and is in the ledger before the order is settled. Raises
Rejected for another node's order, Unavailable when the ledger is away.
"""

from collections.abc import Awaitable, Callable

import structlog

from services.node_agent.domain.assignments import Assignments, Says
from services.node_agent.domain.ports import LedgerAway
from services.node_agent.use_cases.hand_back import HandBack
from shared.contracts.assignments import AssignedAccount
from shared.contracts.sessions import SyncSession
from shared.messaging import Rejected, Unavailable

log = structlog.get_logger(__name__)

# Lets a login have the state of this moment.
Save = Callable[[str], Awaitable[None]]


class SyncLogin:
    """See the module's docstring."""

    def __init__(self, node_id: str, assignments: Assignments, hand_back: HandBack, save: Save) -> None:
        self._node_id = node_id
        self._assignments = assignments
        self._hand_back = hand_back
        self._save = save

    async def __call__(self, order: SyncSession) -> None:
        """Hand the state back."""
        if order.node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the order is for {order.node_id!r}")
        account = AssignedAccount(account_id=order.account_id, epoch=order.epoch)

        def is_here() -> bool:
            says = self._assignments.says(account.account_id)
            return says in (Says.HERE, Says.FREE) and self._assignments.epoch(account.account_id) == account.epoch

        if not is_here():
            log.info("login_not_asked_of_this_node", account=order.account_id, epoch=order.epoch)
            return
        await self._save(order.account_id)
        try:
            handed_back = await self._hand_back.asked(account, order.sync_id, is_here)
        except LedgerAway as error:
            raise Unavailable(str(error)) from error
        log.info("login_asked_for", account=order.account_id, epoch=order.epoch, handed_back=handed_back)
