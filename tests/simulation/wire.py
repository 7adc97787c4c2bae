"""The broker of a simulated fleet, and the lines that services have to it.

`Broker` is the in-memory bus that can also go down, lose its disk, and deliver late and twice. Every service has a
`Line` of its own, which can be cut while the others go on. A consumer on a line comes back by itself, a moment after
the line does, and what it had not settled is delivered again.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from shared.clock import Clock
from shared.contracts.contract import Contract
from shared.messaging import Handler, PublishFailed, Route
from shared.messaging.in_memory import InMemoryBus
from shared.randomness import Randomness


class Broker(InMemoryBus):
    """`delay` and `repeat` say of every message how many seconds late it comes, and whether twice; `lose` loses it."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        super().__init__(clock, randomness)
        self.delay: Callable[[Contract], float] = lambda _: 0.0
        self.repeat: Callable[[Contract], bool] = lambda _: False
        self.lose: Callable[[Contract], bool] = lambda _: False
        self.lines: list[Line] = []
        self.trace: list[tuple[float, str]] = []
        self._on_the_way: set[asyncio.Task[None]] = set()

    def go_down(self) -> None:
        """Break every connection."""
        self.connected = False
        self._tell_lines()

    def come_up(self) -> None:
        """Accept connections again."""
        self.connected = True
        self._tell_lines()

    def lose_disk(self) -> None:
        """Forget every queue with its messages; services declare theirs when they connect again."""
        assert not self.connected, "a broker loses its disk while it is down"
        self._queues.clear()

    def forget(self, route: Route) -> None:
        """An exclusive queue goes with its connection."""
        if route.queue.exclusive:
            self._queues.pop(route.queue.name, None)

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Confirm now; the queues may get it later, and again."""
        self.trace.append((round(self._clock.monotonic(), 6), f"{message.TYPE} {getattr(message, 'node_id', '')}"))
        if self.lose(message):
            return
        if self.repeat(message):
            self._deliver_later(message, message_id)
        if self.connected and self.delay(message) > 0:
            self._deliver_later(message, message_id)
            return
        await super().publish(message, message_id=message_id)

    def _deliver_later(self, message: Contract, message_id: str | None) -> None:
        task = asyncio.create_task(self._late(message, message_id, self.delay(message)))
        self._on_the_way.add(task)
        task.add_done_callback(self._on_the_way.discard)

    async def _late(self, message: Contract, message_id: str | None, seconds: float) -> None:
        await self._clock.sleep(seconds)
        try:
            await super().publish(message, message_id=message_id)
        except PublishFailed:
            return  # lost with the broker: it was confirmed, and that is all that its sender knows

    def _tell_lines(self) -> None:
        for line in self.lines:
            line.refresh()


class Line:
    """One service's connection to the broker: it implements `Bus`, and makes the service's consumers."""

    def __init__(self, broker: Broker, clock: Clock, randomness: Randomness) -> None:
        self.broker = broker
        self.clock = clock
        self.randomness = randomness
        self._cut = False
        self._up, self._down = asyncio.Event(), asyncio.Event()
        broker.lines.append(self)
        self.refresh()

    @property
    def up(self) -> bool:
        """Whether the service reaches the broker."""
        return self._up.is_set()

    def cut(self) -> None:
        """The network of this service is gone."""
        self._cut = True
        self.refresh()

    def mend(self) -> None:
        """The network is back."""
        self._cut = False
        self.refresh()

    def close(self) -> None:
        """The process is gone."""
        self.cut()
        self.broker.lines.remove(self)

    def refresh(self) -> None:
        """The broker came or went."""
        up = self.broker.connected and not self._cut
        (self._up if up else self._down).set()
        (self._down if up else self._up).clear()

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Publish, if the broker can be reached. Raises PublishFailed."""
        await asyncio.sleep(0)
        if not self.up:
            raise PublishFailed("the line to the broker is cut")
        await self.broker.publish(message, message_id=message_id)

    def consumer(self, routes: Sequence[Route]) -> "LineConsumer":
        """A consumer of these routes over this line."""
        return LineConsumer(self, routes)

    async def until_up(self) -> None:
        """Wait for the broker."""
        await self._up.wait()

    async def until_down(self) -> None:
        """Wait for the loss of the broker."""
        await self._down.wait()


class LineConsumer:
    """Implements `shared.messaging.Consumer`."""

    def __init__(self, line: Line, routes: Sequence[Route]) -> None:
        self._line = line
        self._routes = routes
        self.consuming = False

    def backlog(self, queue: str) -> int:
        """How many messages are ready in the queue."""
        return self._line.broker.waiting(queue) if self.consuming else 0

    async def run(self) -> None:
        """Consume whenever the line is up, until cancelled."""
        line = self._line
        while True:
            await line.until_up()
            await line.clock.sleep(line.randomness.uniform(0.05, 1.0))
            if line.up:
                await self._consume()

    async def _consume(self) -> None:
        tasks = self._line.broker.attach(self._routes)
        lost = asyncio.create_task(self._line.until_down())
        self.consuming = True
        try:
            await asyncio.wait([lost, *tasks], return_when=asyncio.FIRST_COMPLETED)
            assert lost.done(), f"a consumer ended by itself: {tasks}"
        finally:
            self.consuming = False
            for task in (lost, *tasks):
                task.cancel()
            await asyncio.gather(lost, *tasks, return_exceptions=True)
            for route in self._routes:
                self._line.broker.forget(route)


def gated(route: Route, gate: Callable[[], Coroutine[Any, Any, None]]) -> Route:
    """The route with handlers that first wait for `gate`: a machine that is suspended handles nothing."""

    def behind(handler: Handler) -> Handler:
        async def handle(message: Any) -> None:
            await gate()
            await handler(message)

        return handle

    return replace(route, handlers={contract: behind(handler) for contract, handler in route.handlers.items()})
