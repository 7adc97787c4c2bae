"""Cut a node off: its login at the broker, its token, its lease. Raises Unavailable when the store is away.

The row is written first and is what counts: `KeepAccess` removes the login where the broker does not answer now, and no
beat of a revoked node is recorded any more.
"""

from dataclasses import replace

import structlog

from services.registry.domain.access_ports import AccessStore
from services.registry.domain.broker_access import BrokerAccess
from services.registry.domain.enrolments import NodeKeys
from services.registry.use_cases.cut_off import CutOff
from shared.clock import Clock
from shared.messaging import Unavailable

log = structlog.get_logger(__name__)


class RevokeNode:
    """See the module's docstring."""

    def __init__(self, store: AccessStore, broker: BrokerAccess, cut_off: CutOff, clock: Clock) -> None:
        self._store = store
        self._broker = broker
        self._cut_off = cut_off
        self._clock = clock

    async def __call__(self, node_id: str, by: str) -> NodeKeys | None:
        """Revoke; again tells what was. None for a node that never joined."""
        async with self._store.begin() as transaction:
            node = await transaction.lock_node(node_id)
            if node is None:
                return None
            if node.revoked_at is None:
                now = self._clock.now()
                node = replace(node, revoked_at=now, revoked_by=by, changed_at=now)
                await transaction.save_node(node)
        log.warning("node_revoked", node=node_id, by=node.revoked_by)
        self._cut_off.add(node_id)
        try:
            await self._broker.cut_off([node_id])
        except Unavailable as error:
            log.error("login_still_there", node=node_id, reason=str(error))
        return node
