"""Virtual time for many services at once, and a node's own clock, which can stand still while the world goes on.

Before time moves, everything that can happen at this moment has happened: the event loop is let go round until nothing
in it is ready. After every such moment `after_step` is called, which is where rules that always hold are checked.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from shared.clock import VirtualClock

# A message passes through a few dozen tasks; something that is still busy after this many rounds never stops.
MOST_ROUNDS = 100_000


class FleetClock(VirtualClock):
    """See the module's docstring."""

    def __init__(self) -> None:
        super().__init__()
        self.after_step: Callable[[], None] = lambda: None

    async def _settle(self) -> None:
        # The loop has no public word for "nothing is ready"; a fixed number of rounds would cost ten times as much.
        loop = cast(Any, asyncio.get_running_loop())
        for _ in range(MOST_ROUNDS):
            await asyncio.sleep(0)
            if not loop._ready:
                self.after_step()
                return
        raise AssertionError(f"something spins at second {self.monotonic():.3f}")


class NodeClock:
    """The clock of one machine. While it is paused nobody on it wakes; time passes all the same."""

    def __init__(self, world: FleetClock) -> None:
        self._world = world
        self._awake = asyncio.Event()
        self._awake.set()
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
        self._awake.set()
        waiting, self.on_resume = self.on_resume, []
        for act in waiting:
            act()

    def now(self) -> datetime:
        """The world's time."""
        return self._world.now()

    def monotonic(self) -> float:
        """Seconds that have passed, those of suspension too (CLOCK_BOOTTIME)."""
        return self._world.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait, and then for the machine to be awake."""
        await self._world.sleep(seconds)
        await self._awake.wait()

    async def awake(self) -> None:
        """Wait for the machine to be awake."""
        await self._awake.wait()
