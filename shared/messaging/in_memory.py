"""The bus in memory: the broker's twin for tests in virtual time.

It routes like RabbitMQ does (topic, direct and fanout, bound queues, one delivery per queue, consumers of one queue in
turn), encodes and decodes every message for real, applies the same handling policy, and keeps dead letters with their
reason. Queues keep their bounds (length, time to live), and what a consumer had not settled when it ended comes back.
`connected`, `lose` and `erase` do what a bad day does to a real broker.
"""

import asyncio
import math
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import structlog

from shared.clock import Clock
from shared.contracts import names
from shared.contracts.catalogue import ENTRY_BY_CONTRACT, must_be_taken, routing_key
from shared.contracts.contract import Contract
from shared.messaging.bus import PublishFailed, Route, Unroutable
from shared.messaging.handling import Handling, Received
from shared.randomness import Randomness

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class DeadLetter:
    """A message that could not be handled, and why."""

    received: Received
    reason: str


class _Queue:
    """A declared queue: its messages, each with the time at which it expires, and the consumers that wait in turn."""

    def __init__(self, declared: names.Queue) -> None:
        self.declared = declared
        self.messages: deque[tuple[float, Received]] = deque()
        self._most = int(declared.arguments.get("x-max-length", 2**31))
        self._ttl = int(declared.arguments.get("x-message-ttl", 0)) / 1000 or math.inf
        self._turns: deque[asyncio.Future[None]] = deque()

    def put(self, received: Received, now: float) -> None:
        """At the end; the oldest makes room in a full queue."""
        self.messages.append((now + self._ttl, received))
        if len(self.messages) > self._most:
            self.messages.popleft()
        self.wake()

    def give_back(self, unsettled: Iterable[tuple[float, Received]]) -> None:
        """At the head, where it was taken."""
        self.messages.extendleft(unsettled)
        self.wake()

    def wake(self) -> None:
        """It is the next waiting consumer's turn."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def turn(self) -> None:
        """Wait to be woken."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.wake()
            raise


class InMemoryBus:
    """Exchanges and queues in one process. While `connected` is False nothing is published and nothing consumed."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._randomness = randomness
        self._connected = True
        self.dead: list[DeadLetter] = []
        self.lose: Callable[[Contract], bool] = lambda _: False
        self._queues: dict[str, _Queue] = {}
        self._consumers: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._connected

    @connected.setter
    def connected(self, connected: bool) -> None:
        self._connected = connected
        for queue in self._queues.values():
            queue.wake()

    def declare(self, queue: names.Queue) -> None:
        """Make the queue with its bindings; again does nothing."""
        self._queues.setdefault(queue.name, _Queue(queue))

    def erase(self) -> None:
        """Lose every message in every queue."""
        for queue in self._queues.values():
            queue.messages.clear()

    def waiting(self, queue: str) -> int:
        """How many messages are in the queue."""
        return len(self._queues[queue].messages)

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Route to every queue bound to the message's exchange and key."""
        await asyncio.sleep(0)
        if not self.connected:
            raise PublishFailed("the in-memory bus is disconnected")
        entry, key = ENTRY_BY_CONTRACT[type(message)], routing_key(message)
        takers = [queue for queue in self._queues.values() if _takes(queue.declared, entry.exchange, key)]
        if not takers and must_be_taken(entry):
            raise Unroutable(f"no queue takes {key!r}")
        if self.lose(message):
            return
        body, now = message.model_dump_json().encode(), self._clock.monotonic()
        for queue in takers:
            queue.put(Received(queue.declared.name, body, message.TYPE, entry.exchange, key, message_id), now)

    def put(self, received: Received) -> None:
        """Put a message into its queue as it is, like an operator at the management console."""
        self._queues[received.queue].put(received, self._clock.monotonic())

    def attach(self, routes: Iterable[Route]) -> "list[asyncio.Task[None]]":
        """Start consuming; the tasks run until they are cancelled or the bus is closed."""
        tasks = []
        for route in routes:
            self.declare(route.queue)
            tasks.append(asyncio.create_task(self._consume(route), name=f"consume {route.queue.name}"))
        self._consumers += tasks
        return tasks

    def pull(self, queue: str) -> Received | None:
        """Take the oldest message out of a queue, settled."""
        messages = self._queues[queue].messages
        while self.connected and messages:
            expires, received = messages.popleft()
            if expires > self._clock.monotonic():
                return received
        return None

    async def arrival(self, queue: str) -> None:
        """Wait until there may be something in the queue, or the broker went or came."""
        if not self._queues[queue].messages:
            await self._queues[queue].turn()

    async def close(self) -> None:
        """Stop every consumer."""
        for task in self._consumers:
            task.cancel()
        await asyncio.gather(*self._consumers, return_exceptions=True)
        self._consumers.clear()

    async def _consume(self, route: Route) -> None:
        queue = self._queues[route.queue.name]
        handling = Handling(route, self.bury, self._clock, self._randomness)
        places = asyncio.Semaphore(route.prefetch)
        unsettled: dict[asyncio.Task[None], tuple[float, Received]] = {}

        def settled(task: asyncio.Task[None]) -> None:
            places.release()
            if not task.cancelled() and task.exception() is None:
                del unsettled[task]

        try:
            async with asyncio.TaskGroup() as in_work:
                while True:
                    await places.acquire()
                    taken = await self._take(queue)
                    task = in_work.create_task(handling.handle(taken[1]))
                    unsettled[task] = taken
                    task.add_done_callback(settled)
                    await asyncio.sleep(0)  # another consumer's turn
        finally:
            queue.give_back(reversed(list(unsettled.values())))

    async def _take(self, queue: _Queue) -> tuple[float, Received]:
        while True:
            while self.connected and queue.messages:
                expires, received = queue.messages.popleft()
                if expires > self._clock.monotonic():
                    return expires, received
            await queue.turn()

    async def bury(self, received: Received, reason: str) -> None:
        """Keep a dead letter with its reason."""
        self.dead.append(DeadLetter(received, reason))
        log.warning("message_dead_lettered", queue=received.queue, key=received.routing_key, reason=reason)


def _takes(queue: names.Queue, exchange: str, key: str) -> bool:
    return any(
        binding.exchange == exchange and (exchange == names.DEAD or matches(binding.key, key))
        for binding in queue.bindings
    )


@lru_cache(maxsize=10_000)
def matches(pattern: str, key: str) -> bool:
    """Whether an AMQP topic pattern (`*` one word, `#` any number) takes a routing key."""
    expression = re.escape(pattern).replace(r"\*", r"[^.]+").replace(r"\.\#", r"(\..+)?").replace(r"\#", ".*")
    return re.fullmatch(expression, key) is not None
