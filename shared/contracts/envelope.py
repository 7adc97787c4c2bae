"""The envelope: what travels beside the body, as AMQP properties and CloudEvents headers.

The binding is CloudEvents 1.0 over AMQP in binary mode with the `cloudEvents:` prefix; the body stays the
plain payload. Every part of the envelope may be missing on the way in: an operator who types a body into
the broker's management console has no headers (see `shared/messaging/decoding.py`).
"""

from dataclasses import dataclass
from datetime import datetime

SPEC_VERSION = "1.0"
ID = "cloudEvents:id"
SOURCE = "cloudEvents:source"
TYPE = "cloudEvents:type"
TIME = "cloudEvents:time"
SPECVERSION = "cloudEvents:specversion"
TRACEPARENT = "traceparent"

DEAD_REASON = "callboard-reason"
DEAD_QUEUE = "callboard-queue"
DEAD_EXCHANGE = "callboard-exchange"
DEAD_ROUTING_KEY = "callboard-routing-key"
DEAD_AT = "callboard-dead-at"


@dataclass(frozen=True)
class Envelope:
    """The envelope of one message. `source` is `/callboard/<service>[/<node>]`, `time` aware UTC."""

    id: str
    source: str
    type: str
    time: datetime
    traceparent: str | None = None

    def headers(self) -> dict[str, str]:
        """The headers of the message as they go over AMQP."""
        headers = {
            SPECVERSION: SPEC_VERSION,
            ID: self.id,
            SOURCE: self.source,
            TYPE: self.type,
            TIME: self.time.isoformat(),
        }
        if self.traceparent is not None:
            headers[TRACEPARENT] = self.traceparent
        return headers
