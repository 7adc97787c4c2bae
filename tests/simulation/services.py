"""Registry and deployer as processes of a simulated fleet: their stores and outboxes outlive them.

`Service` starts what an `app.py` has made, without its HTTP server, and ends it in the middle of whatever it does.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any, Protocol

from shared.clock import Clock
from shared.contracts.contract import Contract
from shared.messaging import Bus, PublishFailed, Unavailable, Unroutable
from shared.service import Jobs
from tests.simulation.wire import Line

RETRY_SECONDS = 0.5


class Outlet:
    """The outbox of an in-memory store, on its way to the bus. `told` is everything that has left it, each once."""

    def __init__(self, outbox: list[Contract], clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock
        self._woken = asyncio.Event()
        self.told: list[Contract] = []

    @property
    def everything(self) -> list[Contract]:
        """What was committed: told, or waiting to be."""
        return self.told + self._outbox

    def wake(self) -> None:
        """Something was committed."""
        self._woken.set()

    async def run(self, bus: Bus) -> None:
        """Publish until cancelled; what cannot be published waits."""
        while True:
            self._woken.clear()
            while self._outbox:
                try:
                    await bus.publish(self._outbox[0])
                except Unroutable:
                    pass  # an order that no queue takes: its row will want it sent again
                except PublishFailed:
                    await self._clock.sleep(RETRY_SECONDS)
                    continue
                self.told.append(self._outbox.pop(0))
            await self._woken.wait()


class App(Protocol):
    """What a service's `app.py` makes."""

    @property
    def jobs(self) -> Jobs: ...

    async def close(self) -> None: ...


class Service:
    """A registry or a deployer: `make` builds one on its kept store and a new line. `rest` are jobs that do not run."""

    def __init__(self, make: Callable[[Line], App], new_line: Callable[[], Line], rest: Collection[str] = ()) -> None:
        self._make = make
        self._new_line = new_line
        # There is no HTTP server.
        self._rest = {"http", *rest}
        self._tasks: list[asyncio.Task[None]] = []
        self._line: Line | None = None
        self.app: App | None = None

    def start(self) -> None:
        """Start the process; one that runs goes on."""
        if self.app is None:
            self._line = self._new_line()
            self.app = self._make(self._line)
            jobs = self.app.jobs.items()
            self._tasks = [asyncio.create_task(job(), name=name) for name, job in jobs if name not in self._rest]

    async def stop(self) -> None:
        """End it; messages in work come back to their queues."""
        app, self.app = self.app, None
        if app is not None and self._line is not None:
            self._line.close()
            await end(self._tasks)
            await app.close()

    def check(self) -> None:
        """Raises what a job that ended by itself has raised."""
        assert_running(self._tasks if self.app is not None else [])


def every(
    clock: Clock,
) -> Callable[[str, Callable[[], Awaitable[None]], float], Callable[[], Coroutine[Any, Any, None]]]:
    """A timer without an election: there is one replica."""

    def timer(
        name: str, step: Callable[[], Awaitable[None]], seconds: float
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        async def run() -> None:
            while True:
                with contextlib.suppress(Unavailable):  # as the elected job: the next step tries again
                    await step()
                await clock.sleep(seconds)

        return run

    return timer


async def end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def assert_running(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Raise what a task that ended by itself has raised."""
    for task in tasks:
        if task.done():
            raise AssertionError(f"{task.get_name()} ended by itself") from (
                None if task.cancelled() else task.exception()
            )
