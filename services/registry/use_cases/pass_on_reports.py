"""Pass on to the bus what a node says over HTTP: the same contracts, under the same message ids.

Each parcel is judged by itself, as its queue would judge it; what is refused keeps nobody else's from being taken.
What the broker did not take for certain is for the sender to send again: everything bears to come twice.
"""

import asyncio
from collections.abc import Sequence

from shared.contracts.parcels import Parcel
from shared.messaging import Bus, PublishFailed, Unavailable
from shared.messaging.decoding import Unreadable
from shared.messaging.mailbox import report_in


class PassOnReports:
    """The use case."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def __call__(self, node_id: str, parcels: Sequence[Parcel]) -> dict[int, str]:
        """The reasons of those that were refused, by their places; the others are safe with the broker.

        Raises Unavailable.
        """
        readings = [report_in(parcel, node_id) for parcel in parcels]
        try:
            await asyncio.gather(
                *(
                    self._bus.publish(report, message_id=parcel.id)
                    for parcel, report in zip(parcels, readings, strict=True)
                    if not isinstance(report, Unreadable)
                )
            )
        except PublishFailed as error:
            raise Unavailable(f"the broker does not take reports: {error}") from error
        return {place: reading.reason for place, reading in enumerate(readings) if isinstance(reading, Unreadable)}
