"""What becomes of a message: the one policy of both buses.

| what the handler does      | what happens to the message                                               |
| -------------------------- | ------------------------------------------------------------------------- |
| returns                    | settled                                                                   |
| raises `Unavailable`       | tried again in place, with back-off, for as long as it takes               |
| raises `Rejected`          | buried with the verdict's reason                                          |
| raises anything else       | tried `TRIES` times, then buried with the error's class and text           |
| cannot be decoded          | buried with what was expected                                             |
| (the route admits it not)  | settled unread                                                            |

To bury a message is to make a dead letter of it, where that may be done: a node may not, and logs it. Whoever buries
says in the log what was done.

Waiting in place holds the message unsettled, and the prefetch bounds how many: when PostgreSQL is away, messages
stay in the broker and nothing spins.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from shared.backoff import Backoff
from shared.clock import Clock
from shared.messaging.bus import Rejected, Route
from shared.messaging.decoding import Unreadable, decode
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

# An unexpected error is most often a bug, which no retry mends; a few tries cover a race.
TRIES = 3


class Unavailable(Exception):
    """Something that this handler needs is away for now and will be back: a database, a disk."""


@dataclass(frozen=True)
class Received:
    """A message as it came: `type_name` is None if its envelope names no type."""

    queue: str
    body: bytes
    type_name: str | None
    exchange: str
    routing_key: str
    message_id: str | None = None


Bury = Callable[[Received, str], Awaitable[None]]


class Handling:
    """Applies the policy to the messages of one route. `bury` gets what cannot be handled, and raises if it fails."""

    def __init__(self, route: Route, bury: Bury, clock: Clock, randomness: Randomness) -> None:
        self._route = route
        self._bury = bury
        self._clock = clock
        self._randomness = randomness
        self._backoff = Backoff(first=0.2, most=5.0)

    async def handle(self, received: Received) -> None:
        """Handle to the end; returning means that the message can be settled."""
        if not self._route.admits(received.routing_key):
            return
        message = decode(
            received.body,
            type_name=received.type_name,
            routing_key=received.routing_key,
            accepted=self._route.handlers,
        )
        if isinstance(message, Unreadable):
            await self._bury(received, message.reason)
            return
        handler = self._route.handlers[type(message)]
        waits = failures = 0
        while True:
            try:
                await handler(message)
                return
            except Unavailable as error:
                if waits == 0:
                    log.warning("handler_waits", queue=received.queue, reason=str(error))
                waits += 1
            except Rejected as verdict:
                await self._bury(received, str(verdict))
                return
            except Exception as error:
                failures += 1
                log.exception("handler_failed", queue=received.queue, tries=failures)
                if failures == TRIES:
                    await self._bury(received, f"{type(error).__name__}: {error}")
                    return
            await self._clock.sleep(self._backoff.delay(waits + failures - 1, self._randomness))
