"""The way in from RabbitMQ: FastStream subscribers for a service's routes, and a watch over them.

Every message goes through the handling policy (`handling.py`) and is settled after it. The consumer starts
whether or not the broker is there, and it is the watch that keeps it going: when one of its queues is gone or has
no consumer, everything is stopped and made anew. Prefetch is the concurrency, for each queue.
"""

from collections.abc import Sequence

import structlog
from faststream import AckPolicy
from faststream.message import StreamMessage
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

from shared.backoff import Backoff
from shared.cancellation import cancelled_by_caller
from shared.clock import Clock
from shared.contracts import envelope
from shared.messaging import topology
from shared.messaging.bus import PublishFailed, Route
from shared.messaging.connection import new_broker, stop_quietly
from shared.messaging.handling import Handling, Received
from shared.messaging.inspector import QueueInspector
from shared.messaging.rabbit_bus import RabbitBus
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

WATCH_SECONDS = 3.0
DRAIN_SECONDS = 5.0


class RabbitConsumer:
    """Consumes the routes of one service. `bus` takes the dead letters, and says whether queues are declared here."""

    def __init__(self, url: str, routes: Sequence[Route], bus: RabbitBus, clock: Clock, randomness: Randomness) -> None:
        self._url = url
        self._routes = routes
        self._bus = bus
        self._clock = clock
        self._randomness = randomness
        self._broker: RabbitBroker | None = None
        self._consuming = False
        self._backlog: dict[str, int] = {}

    @property
    def consuming(self) -> bool:
        """Whether every queue was seen with a consumer at the last look."""
        return self._consuming

    def backlog(self, queue: str) -> int:
        """How many messages were ready in the queue at the last look."""
        return self._backlog.get(queue, 0)

    async def run(self) -> None:
        """Consume until cancelled; then let the handlers in work finish, within the drain time."""
        backoff, failures = Backoff(first=0.5, most=5.0), 0
        try:
            while not cancelled_by_caller():
                try:
                    broker = await self._connect()
                    await self._start(broker)
                    failures = 0
                    await self._watch(broker)
                except Exception as error:
                    log.warning("consumer_restarts", reason=f"{type(error).__name__}: {error}")
                finally:
                    await self._stop()
                await self._clock.sleep(backoff.delay(failures, self._randomness))
                failures += 1
        finally:
            await self._stop()

    async def _connect(self) -> RabbitBroker:
        door = self._bus.door
        # Another connection may be refused while this one waits.
        while (closed := door.seconds_closed) > 0:
            await self._clock.sleep(closed)
        most = max(route.prefetch for route in self._routes)
        broker = new_broker(
            self._url, f"{self._bus.source} consumer", Channel(prefetch_count=most), drain=DRAIN_SECONDS
        )
        self._broker = broker
        try:
            await broker.connect()
        except Exception as error:
            door.refused(error)
            raise
        # A queue that is not there yet is this consumer's trouble: whoever publishes may be the one who tells of it.
        door.opened()
        return broker

    async def _start(self, broker: RabbitBroker) -> None:
        wanted = [route.queue for route in self._routes]
        queues = await topology.declare(broker, wanted, reader=True) if self._bus.declares else topology.given(wanted)
        for route in self._routes:
            self._subscribe(broker, route, queues[route.queue.name])
        await broker.start()
        self._consuming = True
        log.info("consuming", queues=[route.queue.name for route in self._routes])

    def _subscribe(self, broker: RabbitBroker, route: Route, queue: RabbitQueue) -> None:
        handling = Handling(route, self._bus.bury, self._clock, self._randomness)

        async def received(message: StreamMessage[object]) -> Received:
            return _received(route.queue.name, message)

        async def handle(message: Received) -> None:
            await handling.handle(message)

        broker.subscriber(
            queue,
            decoder=received,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            no_reply=True,
        )(handle)

    async def _watch(self, broker: RabbitBroker) -> None:
        inspector = QueueInspector(broker)
        while not cancelled_by_caller():
            await self._clock.sleep(WATCH_SECONDS)
            for route in self._routes:
                await self._look_at(inspector, route)

    async def _look_at(self, inspector: QueueInspector, route: Route) -> None:
        # Over the connection that consumes: it is the one that must live, and the only one that may ask for an
        # exclusive queue. Another replica's consumers would hide that this one's are gone.
        ready, consumers = await inspector.look(route.queue.name)
        self._backlog[route.queue.name] = ready
        if consumers == 0:
            self._consuming = False
            raise PublishFailed(f"queue {route.queue.name} has lost its consumer")

    async def _stop(self) -> None:
        broker, self._broker = self._broker, None
        self._consuming = False
        if broker is not None:
            await stop_quietly(broker, DRAIN_SECONDS + 3)


def _received(queue: str, message: StreamMessage[object]) -> Received:
    raw = message.raw_message
    type_name = message.headers.get(envelope.TYPE) or getattr(raw, "type", None)
    return Received(
        queue=queue,
        body=message.body,
        type_name=str(type_name) if type_name else None,
        exchange=getattr(raw, "exchange", None) or "",
        routing_key=getattr(raw, "routing_key", None) or "",
        message_id=message.message_id,
    )
