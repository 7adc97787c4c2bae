"""Who may try to connect, in virtual time."""

import asyncio

from services.node_agent.jobs.turns import Turns
from shared.clock import VirtualClock
from shared.randomness import SeededRandomness

AWAY, THERE = 2, 4


class Tries:
    """Accounts that try again and again until they come through, and when they did."""

    def __init__(self, places: int = 20, seconds: float = 0.0) -> None:
        self.clock = VirtualClock()
        self.turns = Turns(places, self.clock, SeededRandomness(3))
        self.away = {AWAY}
        self.seconds = seconds
        self.tried: list[float] = []
        self.came: list[float] = []
        self.trying = self.most_trying = 0
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self, count: int, data_centre: int) -> None:
        """So many accounts of a data centre want to connect."""
        self.tasks += [asyncio.create_task(self._connect(data_centre)) for _ in range(count)]

    async def close(self) -> None:
        """Nobody wants to any more."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _connect(self, data_centre: int) -> None:
        while True:
            async with self.turns.taken(data_centre):
                self.trying += 1
                self.most_trying = max(self.most_trying, self.trying)
                self.tried.append(self.clock.monotonic())
                await self.clock.sleep(self.seconds)
                self.trying -= 1
                if data_centre in self.away:
                    self.turns.failed(data_centre)
                    continue
            self.turns.came_through(data_centre)
            self.came.append(self.clock.monotonic())
            return


async def test_so_many_try_at_once_and_no_more() -> None:
    """A start with a thousand accounts would be a flood of connections."""
    tries = Tries(places=5, seconds=1.0)
    tries.begin(20, THERE)
    await tries.clock.run_for(10)
    assert len(tries.came) == 20 and tries.most_trying == 5
    await tries.close()


async def test_one_data_centre_that_is_away_holds_nobody_up_elsewhere() -> None:
    """Accounts of a healthy data centre would wait for one that is dead."""
    tries = Tries()
    tries.begin(50, AWAY)
    await tries.clock.run_for(30)
    tries.begin(50, THERE)
    await tries.clock.run_for(1)
    assert len(tries.came) == 50
    tried = len(tries.tried)
    await tries.clock.run_for(60)
    assert tries.came == tries.came[:50] and 15 < len(tries.tried) - tried < 40, "nobody else's success called them"
    await tries.close()


async def test_tries_that_hang_do_not_keep_the_return_from_being_noticed() -> None:
    """A server that was mute is back: whoever still waits for its answer must not be waited for."""
    tries = Tries(seconds=20.0)
    tries.begin(30, AWAY)
    await tries.clock.run_for(120)
    assert 3 < tries.trying <= 10
    tries.away.clear()
    tries.seconds = 0.1
    await tries.clock.run_for(5)
    assert len(tries.came) >= 20
    await tries.close()


async def test_who_gives_up_leaves_no_gap() -> None:
    """After a lease was lost in an outage, the next account would wait for turns that nobody takes."""
    tries = Tries()
    tries.begin(200, AWAY)
    await tries.clock.run_for(10)
    await tries.close()
    tried = len(tries.tried)
    tries.begin(1, AWAY)
    await tries.clock.run_for(4)
    assert len(tries.tried) > tried
    await tries.close()
