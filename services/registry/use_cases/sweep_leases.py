"""Make nodes offline whose lease has ended, unless verdicts are suspended (`domain/verdicts.py`)."""

from collections.abc import Callable

import structlog

from services.registry.domain.node import observed
from services.registry.domain.ports import FleetStore
from services.registry.domain.verdicts import Allowed, IntakeSample, Suspended, Verdicts
from shared.clock import Clock

log = structlog.get_logger(__name__)

NODES_PER_TRANSACTION = 500


class SweepLeases:
    """The use case. `sample` looks at the intake; it is called once a sweep, also while verdicts are suspended."""

    def __init__(
        self,
        store: FleetStore,
        verdicts: Verdicts,
        sample: Callable[[], IntakeSample],
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._verdicts = verdicts
        self._sample = sample
        self._clock = clock
        self._wake = wake
        self._suspended = False

    async def __call__(self) -> Allowed | Suspended:
        """One sweep; whether verdicts are allowed. Raises Unavailable."""
        verdict = self._verdicts.consider(self._sample())
        if isinstance(verdict, Suspended):
            if not self._suspended:
                log.info("offline_verdicts_suspended", reason=verdict.reason)
            self._suspended = True
            return verdict
        if self._suspended:
            log.info("offline_verdicts_resumed")
        self._suspended = False
        while await self._expire_some() == NODES_PER_TRANSACTION:
            continue
        return verdict

    async def _expire_some(self) -> int:
        async with self._store.begin() as transaction:
            nodes = await transaction.expire_leases(NODES_PER_TRANSACTION)
            at = self._clock.now()
            await transaction.emit(observed(node, "offline", at) for node in nodes)
        if nodes:
            log.info("nodes_offline", nodes=[node.node_id for node in nodes[:20]], count=len(nodes))
            self._wake()
        return len(nodes)
