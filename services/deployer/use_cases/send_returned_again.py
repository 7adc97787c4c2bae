"""Orders that came back from the broker are due again in a few seconds, if their node is online.

When the broker has lost its disk, every node makes its queue anew at its own pace, and what is sent to one before that
comes back at once. That is known, unlike an order that is not answered, so nobody waits for the next step of a growing
back-off. A node that is offline is asked at the slowest pace as before. What was noted is lost with the process: then
the delivery's own timer sends it, as it always would.
"""

from datetime import timedelta

from services.deployer.domain.ports import Store
from shared.clock import Clock

# A node that is cut off connects again about as often.
AGAIN_AFTER = timedelta(seconds=5)
BATCH = 500
# As many nodes as there may be; beyond that the timers do it.
MOST_NOTED = 20_000


class SendReturnedAgain:
    """See the module's docstring. Called by the job of that name whenever something was noted."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._returned: dict[str, None] = {}

    def note(self, delivery_id: str) -> None:
        """The order of this delivery came back."""
        if len(self._returned) < MOST_NOTED:
            self._returned[delivery_id] = None

    async def __call__(self) -> bool:
        """Make some of them due soon; whether there are more. Raises Unavailable."""
        ids = list(self._returned)[:BATCH]
        if not ids:
            return False
        async with self._store.begin() as transaction:
            await transaction.deliveries.pull_forward(ids, self._clock.now() + AGAIN_AFTER)
        for delivery_id in ids:
            del self._returned[delivery_id]
        return bool(self._returned)
