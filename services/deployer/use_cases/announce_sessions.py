"""Tell now and then which login of each account is current, for readers that missed a change. Called by a job.

One replica does it, some sessions at a time, so that ten thousand of them are no wave. Raises Unavailable.
"""

from services.deployer.domain.ports import Store
from services.deployer.domain.sessions import changed
from shared.clock import Clock

# With a step every twenty seconds, ten thousand sessions are told in about a quarter of an hour.
AT_ONCE = 250
STEP_SECONDS = 20.0


class AnnounceSessions:
    """See the module's docstring."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._after: str | None = None

    async def step(self) -> None:
        """Announce the next sessions, from the first again after the last."""
        now = self._clock.now()
        async with self._store.begin() as transaction:
            found = await transaction.sessions.page(self._after, AT_ONCE)
            await transaction.announce([changed(one.current, "announced", now) for one in found])
        self._after = found[-1].session.account_id if len(found) == AT_ONCE else None
