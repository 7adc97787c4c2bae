"""The registry names the operator's accounts on all nodes: none of them is ever answered.

Kept in memory: a started agent knows its own accounts from its ledger and is told the others after its first beat.
"""

from services.node_agent.use_cases.roster import Roster
from shared.contracts.own_accounts import NameOwnAccounts
from shared.messaging import Rejected


class KnowOwnAccounts:
    """The use case. Raises Rejected for a list that is for another node."""

    def __init__(self, node_id: str, roster: Roster) -> None:
        self._node_id = node_id
        self._roster = roster

    async def __call__(self, message: NameOwnAccounts) -> None:
        """Take the list in place of the one before."""
        if message.node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the list is for {message.node_id!r}")
        self._roster.know(message.user_ids)
