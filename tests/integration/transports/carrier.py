"""Somebody who carries the folder of a node to and fro: a stand-in for the link over SSH, with its promises alone.

Orders come out of the mailbox into `inbox`, reports go out of `outbox` to the bus; a file is deleted when what is in it
is safe.
"""

import asyncio
from pathlib import Path

from shared.cancellation import cancelled_by_caller
from shared.contracts.parcels import INBOX, OUTBOX, Parcel, file_name, is_file_name, temporary_name
from shared.messaging.decoding import Unreadable
from shared.messaging.mailbox import Mailbox, report_in
from shared.messaging.rabbit_bus import RabbitBus


class Carrier:
    """Carries for one node until cancelled; `carry` is one walk."""

    def __init__(self, node_id: str, folder: Path, bus: RabbitBus, mailbox: Mailbox) -> None:
        self._node_id = node_id
        self._inbox, self._outbox = folder / INBOX, folder / OUTBOX
        self._bus = bus
        self._mailbox = mailbox

    async def run(self) -> None:
        """Walk again and again."""
        while not cancelled_by_caller():
            await self.carry()
            await asyncio.sleep(0.1)

    async def carry(self) -> None:
        """One walk, both ways."""
        for order in await self._mailbox.take(self._node_id, 20, 0):
            self.put(order)
        for path in self._reports():
            try:
                parcel = Parcel.model_validate_json(path.read_bytes())
            except FileNotFoundError:
                continue  # a newer heartbeat has replaced it
            report = report_in(parcel, self._node_id)
            assert not isinstance(report, Unreadable), report
            await self._bus.publish(report, message_id=parcel.id)
            path.unlink(missing_ok=True)

    def put(self, order: Parcel) -> None:
        """Put an order into the inbox."""
        self._inbox.mkdir(parents=True, exist_ok=True)
        written = self._inbox / temporary_name(order)
        written.write_text(order.model_dump_json())
        written.replace(self._inbox / file_name(order))

    def _reports(self) -> list[Path]:
        if not self._outbox.is_dir():
            return []
        return [path for path in self._outbox.iterdir() if is_file_name(path.name)]
