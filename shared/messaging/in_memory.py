"""The bus in memory: the broker's twin for tests in virtual time.

It routes like RabbitMQ does (topic, direct and fanout, bound queues, one delivery per queue), encodes and
decodes every message for real, applies the same handling policy, and keeps dead letters with their reason.
`lose` and `erase` do what a bad day does to a real broker.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.clock import Clock
from shared.contracts import names
from shared.contracts.catalogue import ENTRY_BY_CONTRACT, must_be_taken, routing_key
from shared.contracts.contract import Contract
from shared.messaging.bus import PublishFailed, Route, Unroutable
from shared.messaging.handling import Handling, Received
from shared.randomness import Randomness


@dataclass(frozen=True)
class DeadLetter:
    """A message that could not be handled, and why."""

    received: Received
    reason: str


class InMemoryBus:
    """Exchanges and queues in one process. Connected until `connected` is set to False."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._randomness = randomness
        self.connected = True
        self.dead: list[DeadLetter] = []
        self.lose: Callable[[Contract], bool] = lambda _: False
        self._queues: dict[str, tuple[names.Queue, deque[Received]]] = {}
        self._arrivals: dict[str, asyncio.Event] = {}
        self._consumers: list[asyncio.Task[None]] = []

    def declare(self, queue: names.Queue) -> None:
        """Make the queue with its bindings; again does nothing."""
        self._queues.setdefault(queue.name, (queue, deque()))
        self._arrivals.setdefault(queue.name, asyncio.Event())

    def erase(self) -> None:
        """Lose every message in every queue."""
        for _, messages in self._queues.values():
            messages.clear()

    def waiting(self, queue: str) -> int:
        """How many messages are in the queue."""
        return len(self._queues[queue][1])

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Route to every queue bound to the message's exchange and key."""
        await asyncio.sleep(0)
        if not self.connected:
            raise PublishFailed("the in-memory bus is disconnected")
        entry, key = ENTRY_BY_CONTRACT[type(message)], routing_key(message)
        takers = [name for name, (queue, _) in self._queues.items() if _takes(queue, entry.exchange, key)]
        if not takers and must_be_taken(entry):
            raise Unroutable(f"no queue takes {key!r}")
        if self.lose(message):
            return
        body = message.model_dump_json().encode()
        for name in takers:
            self._queues[name][1].append(Received(name, body, message.TYPE, entry.exchange, key, message_id))
            self._arrivals[name].set()

    def attach(self, routes: Iterable[Route]) -> "list[asyncio.Task[None]]":
        """Start consuming; the tasks run until they are cancelled or the bus is closed."""
        tasks = []
        for route in routes:
            self.declare(route.queue)
            tasks.append(asyncio.create_task(self._consume(route), name=f"consume {route.queue.name}"))
        self._consumers += tasks
        return tasks

    async def close(self) -> None:
        """Stop every consumer."""
        for task in self._consumers:
            task.cancel()
        await asyncio.gather(*self._consumers, return_exceptions=True)
        self._consumers.clear()

    async def _consume(self, route: Route) -> None:
        messages, arrival = self._queues[route.queue.name][1], self._arrivals[route.queue.name]
        places = asyncio.Semaphore(route.prefetch)
        handling = Handling(route, self._bury, self._clock, self._randomness)
        async with asyncio.TaskGroup() as in_work:
            while True:
                await arrival.wait()
                arrival.clear()
                while messages:
                    await places.acquire()
                    if messages:  # `erase` may have come between
                        task = in_work.create_task(handling.handle(messages.popleft()))
                        task.add_done_callback(lambda _: places.release())

    async def _bury(self, received: Received, reason: str) -> None:
        self.dead.append(DeadLetter(received, reason))


def _takes(queue: names.Queue, exchange: str, key: str) -> bool:
    return any(
        binding.exchange == exchange and (exchange == names.DEAD or matches(binding.key, key))
        for binding in queue.bindings
    )


def matches(pattern: str, key: str) -> bool:
    """Whether an AMQP topic pattern (`*` one word, `#` any number) takes a routing key."""
    expression = re.escape(pattern).replace(r"\*", r"[^.]+").replace(r"\.\#", r"(\..+)?").replace(r"\#", ".*")
    return re.fullmatch(expression, key) is not None
