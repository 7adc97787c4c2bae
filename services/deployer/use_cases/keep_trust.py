"""Bring every node to the keys that it shall trust, and take a rotation from step to step as they come.

Called every few seconds on one replica. A node that is online and goes by an older serial is told, with an order that
is signed with a key that it trusts, and told again until it says that it has it. Raises Unavailable.
"""

from collections.abc import Sequence

import structlog

from services.deployer.domain.ports import Store
from services.deployer.domain.signing_keys import NoKeys, Purpose, StoredKey, advanced
from services.deployer.use_cases.keys import DeployerKeys
from shared.clock import Clock
from shared.contracts.trust import TrustKeys

log = structlog.get_logger(__name__)

STEP_SECONDS = 2.0
# A node tells with its next beat that it has them.
AGAIN_SECONDS = 20.0
MOST_AT_ONCE = 500


class KeepTrust:
    """See the module's docstring."""

    def __init__(self, store: Store, keys: DeployerKeys, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._told: dict[str, float] = {}
        self._lost: set[str] = set()
        self._behind_nodes = False

    async def step(self) -> None:
        """Tell nodes, and go on with the rotation."""
        await self._keys.refresh()
        try:
            trusted, now = self._keys.opened.trusted, self._clock.monotonic()
        except NoKeys:
            return
        self._told = {node_id: until for node_id, until in self._told.items() if until > now}
        async with self._store.begin() as transaction:
            behind = await transaction.nodes.behind(trusted.serial, MOST_AT_ONCE + len(self._told))
            orders = []
            for node_id, serial in behind.items():
                signer = self._keys.signer_trusted_by(serial)
                if node_id in self._told:
                    continue
                if signer is None:
                    self._lose(node_id, serial)
                    continue
                order = TrustKeys(node_id=node_id, keys=trusted, issued_at=self._clock.now())
                orders.append(signer.sign(order))
            await transaction.announce(orders)
        self._told |= {order.node_id: now + AGAIN_SECONDS for order in orders}
        await self._advance()

    async def _advance(self) -> None:
        async with self._store.begin() as transaction:
            online = await transaction.nodes.online_serials()
            self._tell_of_the_future(max(online, default=0))
            if advanced(self._keys.opened.keys, online, self._clock.now()) is None:
                return
            keys = advanced(await transaction.keys.lock(), online, self._clock.now())
            if keys is None:
                return
            await transaction.keys.save(keys)
        log.info("key_rotation_goes_on", serial=keys.trusted.serial, states=_states(keys.keys))
        self._keys.take(keys)

    def _tell_of_the_future(self, newest: int) -> None:
        """Whether nodes go by keys that this database has never had: it was restored from an older copy."""
        ahead = newest > self._keys.opened.keys.trusted.serial
        if ahead and not self._behind_nodes:
            advice = "restore the newer table deployer.keys; nodes that refuse orders have to join again"
            log.error("nodes_go_by_newer_keys", newest=newest, advice=advice)
        self._behind_nodes = ahead

    def _lose(self, node_id: str, serial: int) -> None:
        if node_id not in self._lost:
            advice = f"it takes no orders any more: let it join again, `callboard nodes enroll --node-id {node_id}`"
            log.error("node_trusts_no_kept_key", node=node_id, serial=serial, advice=advice)
            self._lost.add(node_id)


def _states(keys: Sequence[StoredKey]) -> dict[str, str]:
    return {key.key_id: key.state.value for key in keys if key.purpose is Purpose.SIGNING}
