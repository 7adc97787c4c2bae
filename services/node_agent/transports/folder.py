"""The transport over a folder: reports are put into `outbox`, orders are taken out of `inbox`, somebody carries both.

The form of the files is `shared/contracts/parcels.py`'s. Orders in an inbox carry their content: without a network
there is no URL to fetch it from. A report counts as sent when it is a file for certain; whoever carries it deletes it
when it is safe on the other side. A newer heartbeat replaces the one before it, so that a folder nobody empties does
not fill with them; the other reports are bounded, and beyond the bound they stay in the ledger. A file that is no
parcel is set aside as `<name>.refused`.
"""

import asyncio
from collections.abc import Sequence, Set
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog
from pydantic import ValidationError

from services.node_agent.store.atomic import replace_file
from services.node_agent.transports.orders import ParcelOrders
from shared.clock import Clock
from shared.contracts.contract import Contract
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.parcels import INBOX, LARGEST_PARCEL, OUTBOX, Parcel, file_name, is_file_name, packed
from shared.messaging import PublishFailed, Route
from shared.messaging.decoding import explain
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
MOST_AT_ONCE = 20
# A few days of a node's changes, or an hour of a very troubled one's; a few megabytes of disk.
MOST_WAITING = 5_000


class FolderTransport:
    """Reports and orders of one node in `folder`, which is made when it is not there."""

    def __init__(self, folder: Path, node_id: str, clock: Clock, randomness: Randomness) -> None:
        self._inbox, self._outbox = folder / INBOX, folder / OUTBOX
        self._node_id = node_id
        self._clock = clock
        self._randomness = randomness
        self._last_beat: Path | None = None

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Put the message into the outbox. Raises PublishFailed when it is not a file for certain."""
        parcel = packed(message, message_id or self._randomness.new_id())
        try:
            await asyncio.to_thread(self._put, parcel, bounded=not isinstance(message, HeartbeatReported))
        except OSError as error:
            raise PublishFailed(f"{self._outbox} does not take reports: {error}") from error
        if isinstance(message, HeartbeatReported):
            older, self._last_beat = self._last_beat, self._outbox / file_name(parcel)
            if older is not None:
                with suppress(OSError):
                    await asyncio.to_thread(_delete, [older])

    async def consume(self, route: Route) -> None:
        """Take orders out of the inbox until cancelled."""
        orders = ParcelOrders(route, self._node_id, self._clock, self._randomness)
        async with asyncio.TaskGroup() as in_work:
            await self._take(orders, in_work)

    async def _take(self, orders: ParcelOrders, in_work: asyncio.TaskGroup) -> None:
        told, in_hand = "", set[Path]()
        while True:
            found: Sequence[tuple[Path, Parcel]] = ()
            try:
                found = await asyncio.to_thread(self._look, frozenset(in_hand))
                told = ""
            except OSError as error:
                if str(error) != told:
                    log.error("inbox_not_usable", folder=str(self._inbox), reason=str(error))
                told = str(error)
            for path, parcel in found:
                in_hand.add(path)
                await orders.begin(parcel, in_work, partial(_put_away, path, in_hand))
            await self._clock.sleep(0 if len(found) == MOST_AT_ONCE else LOOK_SECONDS)

    async def close(self) -> None:
        """There is nothing to close."""

    def _put(self, parcel: Parcel, *, bounded: bool) -> None:
        self._outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        if bounded and sum(1 for _ in self._outbox.iterdir()) >= MOST_WAITING:
            raise OSError(f"{MOST_WAITING} reports wait there already: nobody fetches them")
        replace_file(self._outbox / file_name(parcel), parcel.model_dump_json().encode())

    def _look(self, in_hand: Set[Path]) -> list[tuple[Path, Parcel]]:
        self._inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths = sorted(path for path in self._inbox.iterdir() if is_file_name(path.name) and path not in in_hand)
        read = ((path, _read(path)) for path in sorted(paths, key=_written_at)[:MOST_AT_ONCE])
        return [(path, parcel) for path, parcel in read if parcel is not None]


async def _put_away(path: Path, in_hand: set[Path]) -> None:
    """An order was handled: its file goes; one that cannot be deleted is not handled again by this start."""
    try:
        await asyncio.to_thread(_delete, [path])
        in_hand.discard(path)
    except OSError as error:
        log.error("order_not_deleted", file=str(path), reason=str(error))


def _delete(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _written_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _read(path: Path) -> Parcel | None:
    """The parcel in a file; None for one that is gone, or that is none and was set aside."""
    try:
        size = path.stat().st_size
        if size > LARGEST_PARCEL:
            why = f"it has {size} bytes, more than {LARGEST_PARCEL}"
        else:
            return Parcel.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        why = explain(error)
    log.error("order_set_aside", file=f"{path}.refused", reason=why)
    path.replace(f"{path}.refused")
    return None
