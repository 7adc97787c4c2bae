"""The operator's own accounts, as every node shall know them, so that no two of them ever talk to each other.

`refresh` runs on every replica now and then and keeps the fleet's user ids in memory; `missing` says what to tell a
node whose beat shows that it knows others. Level-triggered: a message that is lost is sent again after the next beat.
"""

from services.registry.domain.ports import FleetReader
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.own_accounts import MOST_OWN_ACCOUNTS, NameOwnAccounts, own_accounts_digest


class OwnAccounts:
    """The fleet's Telegram user ids."""

    def __init__(self, reader: FleetReader) -> None:
        self._reader = reader
        self._user_ids: list[int] = []
        self._digest = own_accounts_digest(())

    async def refresh(self) -> None:
        """Read them again. Raises Unavailable."""
        self._user_ids = await self._reader.user_ids(MOST_OWN_ACCOUNTS)
        self._digest = own_accounts_digest(self._user_ids)

    def missing(self, beat: HeartbeatReported) -> NameOwnAccounts | None:
        """What to tell the node of this beat; None if it knows it, or is too old to say."""
        if beat.own_accounts is None or beat.own_accounts == self._digest:
            return None
        return NameOwnAccounts(node_id=beat.node_id, user_ids=self._user_ids)
