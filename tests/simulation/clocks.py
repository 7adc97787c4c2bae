"""Virtual time for many services at once, and a node's own clock, which can stand still while the world goes on.

After every moment in which something has happened `after_step` is called, which is where rules that always hold are
checked.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from shared.clock import VirtualClock


class FleetClock(VirtualClock):
    """See the module's docstring."""

    def __init__(self) -> None:
        super().__init__()
        self.after_step: Callable[[], None] = lambda: None

    async def _settle(self) -> None:
        await super()._settle()
        self.after_step()


class KernelClock:
    """A machine's own count of the seconds, `pace` of them in a second of the world; it never stands still."""

    def __init__(self, world: FleetClock, pace: float) -> None:
        self._world = world
        self._pace = pace

    def now(self) -> datetime:
        """The world's time."""
        return self._world.now()

    def monotonic(self) -> float:
        """Seconds that have passed, those of suspension too (CLOCK_BOOTTIME)."""
        return self._world.monotonic() * self._pace

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._world.sleep(seconds / self._pace)


class NodeClock:
    """The clock of one machine. While it is paused nobody on it wakes; time passes all the same."""

    def __init__(self, world: FleetClock, pace: float = 1.0) -> None:
        self.pace = pace
        self.kernel = KernelClock(world, pace)
        self._awake = asyncio.Event()
        self._awake.set()
        self.before_resume: Callable[[], None] = lambda: None
        self.on_resume: list[Callable[[], None]] = []

    @property
    def paused(self) -> bool:
        """Whether the machine is suspended."""
        return not self._awake.is_set()

    def pause(self) -> None:
        """Suspend the machine."""
        self._awake.clear()

    def resume(self) -> None:
        """Wake it up; first it sees what has come in the meantime."""
        if self.paused:
            self.before_resume()
        self._awake.set()
        waiting, self.on_resume = self.on_resume, []
        for act in waiting:
            act()

    def now(self) -> datetime:
        """The world's time."""
        return self.kernel.now()

    def monotonic(self) -> float:
        """Seconds that have passed, those of suspension too (CLOCK_BOOTTIME)."""
        return self.kernel.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait, and then for the machine to be awake."""
        await self.kernel.sleep(seconds)
        await self._awake.wait()

    async def awake(self) -> None:
        """Wait for the machine to be awake."""
        await self._awake.wait()
