"""Seal everything anew under the active master key, so that the one before may go. Called by the API.

A step takes some secrets that are sealed under another key, locks and rewrites them; uploads and deliveries go on
meanwhile, because every key of the ring opens. Contents are not touched: only the keys that they are sealed with. What
does not open is left as it is and told. Raises Unavailable.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from services.deployer.domain.keeping import Keys, NotOpened, SealedRow, Shelf
from services.deployer.domain.ports import Store

log = structlog.get_logger(__name__)

# One transaction holds this many rows: some milliseconds of cryptography.
BATCH = 200
# One request does this much at most; the caller asks again while something is left.
MOST_BATCHES = 50

Reseal = Callable[[str, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Rotation:
    """How far it is: `under` counts secrets by the id of the master key that they are sealed under."""

    active: str
    resealed: int
    unreadable: int
    under: Mapping[str, int]

    @property
    def left(self) -> int:
        """How many secrets still need another key than the active one."""
        return sum(count for key_id, count in self.under.items() if key_id != self.active)


class RotateKeys:
    """See the module's docstring.

    `former` seals anew what was sealed before there was a ring, by shelf; `own` does it for the deployer's own keys.
    """

    def __init__(
        self, store: Store, keys: Keys, former: Mapping[Shelf, Reseal], own: Callable[[], Awaitable[None]]
    ) -> None:
        self._store = store
        self._keys = keys
        self._former = former
        self._own = own

    async def state(self) -> Rotation:
        """How far it is, without doing anything."""
        async with self._store.begin() as transaction:
            return Rotation(self._keys.active, 0, 0, await transaction.sealed.counts())

    async def __call__(self) -> Rotation:
        """Seal anew what is left, up to a bound."""
        resealed = unreadable = 0
        await self._own()
        for _ in range(MOST_BATCHES):
            async with self._store.begin() as transaction:
                found = await transaction.sealed.claim(self._keys.active, BATCH)
                done = [row for row in map(self._resealed, found) if row is not None]
                await transaction.sealed.put(done)
            resealed += len(done)
            if len(done) < len(found):
                unreadable = len(found) - len(done)
                log.error("secrets_not_resealed", count=unreadable, next="bring the key back that they name")
            if not done:
                break
        state = await self.state()
        log.info("master_key_rotation", active=state.active, resealed=resealed, left=state.left)
        return Rotation(state.active, resealed, unreadable, state.under)

    def _resealed(self, row: SealedRow) -> SealedRow | None:
        try:
            former = self._former.get(row.shelf)
            if former is not None:
                return SealedRow(row.shelf, row.row_id, former(row.row_id, row.sealed))
            content = self._keys.open(row.shelf, row.row_id, row.sealed)
            return SealedRow(row.shelf, row.row_id, self._keys.seal(row.shelf, row.row_id, content))
        except NotOpened:
            return None
