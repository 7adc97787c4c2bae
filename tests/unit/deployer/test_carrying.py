"""A link's work beside a broker's client that loses cancellations, which the real one does once in a thousand."""

import asyncio
from typing import cast

import pytest

from services.deployer.domain.reaching import Exchange
from services.deployer.store.in_memory import InMemoryStore
from services.deployer.use_cases.carry_parcels import CarryParcels, until_one_ends
from shared.clock import VirtualClock
from shared.contracts.parcels import Parcel
from shared.messaging import Unavailable
from shared.messaging.in_memory import InMemoryBus
from shared.randomness import SystemRandomness


class Forgetful:
    """A mailbox that answers whoever is cancelled: with nothing, or with the link's error."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error
        self.asked = 0

    async def take(self, node_id: str, most: int, wait_seconds: float) -> list[Parcel]:
        """Wait for ever."""
        self.asked += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self._error is not None:
                raise self._error from None
        return []


class EmptyInbox:
    """The only side of a link that is asked here."""

    async def waiting(self) -> int:
        """Nothing."""
        return 0


@pytest.mark.parametrize("error", [None, Unavailable("the connection to the broker died")])
async def test_a_link_ends_although_its_cancellation_is_lost(error: Exception | None) -> None:
    """The link would hold on to a server that is another replica's by now, and whoever ends it would wait for ever."""
    clock, randomness, mailbox = VirtualClock(), SystemRandomness(), Forgetful(error)
    carry = CarryParcels(InMemoryStore(), InMemoryBus(clock, randomness), mailbox, clock, randomness)

    async def term() -> None:
        await clock.sleep(300)

    link = asyncio.create_task(until_one_ends(carry.orders(cast(Exchange, EmptyInbox()), "n"), term()))
    await clock.run_for(200)
    assert mailbox.asked == 1 and not link.done()
    await clock.run_for(200)
    assert link.done() and mailbox.asked == 1
