"""Hand a node the orders that wait for it, when it asks over HTTP; with the wait for the first one if there is none.

Who waits is bounded, a node waits once: its newer question ends the older one, whose asker is most likely gone. A
question is answered only to the newest start of its node, so that a program that has no right to run takes no orders
away from the one that has. What is handed over is settled; the deployer's timers repeat what gets lost on the way.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from services.registry.domain.ports import FleetReader
from shared.contracts.parcels import Parcel
from shared.messaging import Unavailable
from shared.messaging.mailbox import Mailbox

log = structlog.get_logger(__name__)

# What a heartbeat's answer carries; what is more comes with the next one.
MOST_WITH_A_BEAT = 20

# Returns when the asker has hung up.
HungUp = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Orders:
    """What was waiting, or came meanwhile; it is settled."""

    parcels: list[Parcel]


@dataclass(frozen=True)
class NotTheNewest:
    """A newer start of this node has reported; nothing was taken."""

    newest_boot: int


@dataclass(frozen=True)
class TooManyWait:
    """There is no room for another one that waits; nothing was taken."""


class HandOverOrders:
    """See the module's docstring. `most_waiting` bounds those that wait at this replica."""

    def __init__(self, mailbox: Mailbox, reader: FleetReader, most_waiting: int) -> None:
        self._mailbox = mailbox
        self._reader = reader
        self._most_waiting = most_waiting
        self._waiting: dict[str, asyncio.Event] = {}

    async def with_a_beat(self, node_id: str) -> list[Parcel]:
        """What waits for a node that has just beaten. The lease must get there without the broker too."""
        try:
            return await self._mailbox.take(node_id, MOST_WITH_A_BEAT, 0)
        except Unavailable as error:
            log.warning("orders_not_looked_for", node=node_id, reason=str(error))
            return []

    async def newer_start(self, node_id: str, boot: int) -> NotTheNewest | None:
        """Whether a newer start than `boot` has reported. Raises Unavailable."""
        node = await self._reader.node(node_id)
        return NotTheNewest(node.boot) if node is not None and node.boot > boot else None

    async def __call__(
        self, node_id: str, boot: int, most: int, wait_seconds: float, hung_up: HungUp
    ) -> Orders | NotTheNewest | TooManyWait:
        """The node's orders, at most `most`. Raises Unavailable."""
        if (newer := await self.newer_start(node_id, boot)) is not None:
            return newer
        if wait_seconds <= 0:
            return Orders(await self._mailbox.take(node_id, most, 0))
        older = self._waiting.pop(node_id, None)
        if older is not None:
            older.set()
        if len(self._waiting) >= self._most_waiting:
            return TooManyWait()
        called_off = self._waiting[node_id] = asyncio.Event()
        try:
            return Orders(await self._first_of(node_id, most, wait_seconds, called_off, hung_up))
        finally:
            if self._waiting.get(node_id) is called_off:
                del self._waiting[node_id]

    def close(self) -> None:
        """Answer all that wait, with nothing: the service is about to end."""
        for called_off in self._waiting.values():
            called_off.set()

    async def _first_of(
        self, node_id: str, most: int, wait_seconds: float, called_off: asyncio.Event, hung_up: HungUp
    ) -> list[Parcel]:
        looking = asyncio.ensure_future(self._mailbox.take(node_id, most, wait_seconds))
        others = {asyncio.ensure_future(called_off.wait()), asyncio.ensure_future(hung_up())}
        try:
            await asyncio.wait({looking, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (looking, *others):
                each.cancel()
            await asyncio.wait({looking, *others})
        return [] if looking.cancelled() else looking.result()
