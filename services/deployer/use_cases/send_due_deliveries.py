"""Send what is due: the level-triggered heart. Called by the reconcile job, by any number of replicas at once.

A delivery that is not final is due again and again, with back-off, until its node has reported the hash or its
deadline has passed. The order is written to the outbox in the transaction that counts the attempt; when the broker
loses it, the next attempt repairs that. While the broker is away no attempt is made: what was ordered before it went
is in the outbox. One batch costs the same few statements whatever its size.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from services.deployer.domain.deliveries import Delivery, Due
from services.deployer.domain.delivery_rows import DueDelivery
from services.deployer.domain.orders import UrlOf, order
from services.deployer.domain.ports import Store, Transaction
from services.deployer.use_cases.write_moves import Moves
from shared.backoff import Backoff
from shared.clock import Clock
from shared.randomness import Randomness

# One transaction holds this many deliveries: a tenth of a second of work, and at most 32 MB of inline content.
BATCH = 500


class SendDueDeliveries:
    """See the module's docstring. `broker_away` says whether the broker is away just now."""

    def __init__(
        self,
        store: Store,
        url_of: UrlOf,
        backoff: Backoff,
        broker_away: Callable[[], bool],
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._store = store
        self._url_of = url_of
        self._backoff = backoff
        self._broker_away = broker_away
        self._clock = clock
        self._randomness = randomness

    async def __call__(self) -> bool:
        """Send one batch; whether there may be more. Raises Unavailable."""
        now, away = self._clock.now(), self._broker_away()
        async with self._store.begin() as transaction:
            due = await transaction.deliveries.claim_due(now, BATCH)
            moves = Moves((one.delivery for one in due), now)
            sent = []
            for one in due:
                after = moves.apply(one.delivery.id, Due(now + self._wait(one, away), one.node_online, away))
                if after.attempts > one.delivery.attempts:
                    sent.append((one, after))
            await moves.write(transaction)
            await self._order(transaction, sent, now)
        return len(due) == BATCH

    def _wait(self, due: DueDelivery, away: bool) -> timedelta:
        # An absent node cannot answer: it is asked at the slowest pace, and at once when it comes back.
        step = 63 if not due.node_online else 0 if away else due.delivery.attempts
        return timedelta(seconds=self._backoff.delay(step, self._randomness))

    async def _order(self, transaction: Transaction, sent: list[tuple[DueDelivery, Delivery]], now: datetime) -> None:
        keys = {(delivery.artifact.id, delivery.artifact.version) for _, delivery in sent}
        if not keys:
            return
        contents = await transaction.scripts.contents(keys)
        await transaction.announce(
            order(due, delivery, contents[delivery.artifact.id, delivery.artifact.version], self._url_of, now)
            for due, delivery in sent
        )
