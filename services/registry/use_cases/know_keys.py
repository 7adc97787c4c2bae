"""Keep the deployer's public keys, for the nodes that join. An older word never undoes a newer one."""

import structlog

from services.registry.domain.access_ports import AccessStore
from shared.contracts.keys import KeysAnnounced

log = structlog.get_logger(__name__)


class KnowKeys:
    """The use case. Raises Unavailable."""

    def __init__(self, store: AccessStore) -> None:
        self._store = store

    async def __call__(self, message: KeysAnnounced) -> None:
        """Keep them."""
        async with self._store.begin() as transaction:
            kept = await transaction.keep_keys(message.keys)
        if kept:
            log.info("deployer_keys_known", serial=message.keys.serial, signing=len(message.keys.signing))
