"""Ask the node that runs an account to hand the login's present state back now. Called by the API.

The answer comes as every state does (`record_syncs.py`), and names the order. Who asks again while the node is still
expected to answer asks for the same: the order is only said once more. Raises Unavailable.
"""

from dataclasses import dataclass
from datetime import datetime

from services.deployer.domain.ports import Store, Transaction
from services.deployer.domain.sessions import Holder
from services.deployer.domain.syncs import SyncOrder, seen
from services.deployer.use_cases.sign_in import NodeAway, NodeHasNoKey
from services.deployer.use_cases.store_sessions import NoSuchSession
from shared.clock import Clock
from shared.contracts.sessions import SyncSession
from shared.randomness import Randomness


@dataclass(frozen=True, slots=True)
class OnNoNode:
    """No node runs the account: the vault has its newest state already, or gets it from the node that gave it back."""


@dataclass(frozen=True, slots=True)
class NotAsked:
    """The node cannot be asked."""

    node_id: str
    why: NodeAway | NodeHasNoKey


class SyncNow:
    """See the module's docstring."""

    def __init__(self, store: Store, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._clock = clock
        self._randomness = randomness

    async def ask(self, account_id: str, by: str | None) -> SyncOrder | NoSuchSession | OnNoNode | NotAsked:
        """Ask the node that has the account."""
        async with self._store.begin() as transaction:
            holder = await transaction.sessions.newest_holder(account_id)
            if holder is None:
                known = await transaction.sessions.one(account_id) is not None
                return OnNoNode() if known else NoSuchSession()
            if not holder.held:
                return OnNoNode()
            node = (await transaction.nodes.lock([holder.node_id])).get(holder.node_id)
            if node is None or not node.online:
                return NotAsked(holder.node_id, NodeAway())
            if node.sealing_key is None:
                return NotAsked(holder.node_id, NodeHasNoKey())
            order = await self._order(transaction, holder, by)
            await transaction.announce([_told(order, self._clock.now())])
        return order

    async def one(self, account_id: str) -> SyncOrder | None:
        """What came of the newest order."""
        async with self._store.begin() as transaction:
            found = await transaction.syncs.one(account_id)
        return None if found is None else seen(found, self._clock.now())

    async def _order(self, transaction: Transaction, holder: Holder, by: str | None) -> SyncOrder:
        now, known = self._clock.now(), await transaction.syncs.lock(holder.account_id)
        if known is not None and known.is_open(now) and (known.node_id, known.epoch) == (holder.node_id, holder.epoch):
            return known
        sync_id = self._randomness.new_id("syn_")
        order = SyncOrder(holder.account_id, sync_id, holder.node_id, holder.epoch, now, by)
        await transaction.syncs.put(order)
        return order


def _told(order: SyncOrder, now: datetime) -> SyncSession:
    return SyncSession(
        node_id=order.node_id,
        account_id=order.account_id,
        epoch=order.epoch,
        sync_id=order.sync_id,
        issued_at=now,
    )
