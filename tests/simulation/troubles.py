"""What can go wrong with a simulated fleet, each trouble with its beginning and its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from shared.messaging import Unavailable
from tests.simulation.fleet import SimulatedFleet

# What can happen to whom, and for how many seconds at most: some shorter than a lease, some longer.
TROUBLES = {
    "broker": {"is down": 45.0, "loses its disk": 5.0},
    "registry": {"is killed": 60.0, "has no database": 40.0},
    "deployer": {"is killed": 60.0},
    "machine": {"is killed": 45.0, "is killed and wiped": 20.0, "is cut off": 60.0, "is suspended": 60.0},
}
Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Trouble:
    """One thing that goes wrong. `whom` is a service, or the number of a machine."""

    at: float
    seconds: float
    whom: str
    what: str

    def __str__(self) -> str:
        return f"{self.at:6.1f} s: {self.whom} {self.what} for {self.seconds:.1f} s"


async def suffer(fleet: SimulatedFleet, trouble: Trouble) -> None:
    """Let it happen at its time, and end."""
    begin, end = acts_of(fleet, trouble)
    await fleet.clock.sleep(trouble.at)
    await begin()
    await fleet.clock.sleep(trouble.seconds)
    await end()


@asynccontextmanager
async def suffering(
    fleet: SimulatedFleet, troubles: Sequence[Trouble], *works: Callable[[], Coroutine[Any, Any, None]]
) -> AsyncIterator[None]:
    """Troubles, and what else goes on beside them; the context ends when all of it has."""
    coroutines = [*(suffer(fleet, each) for each in troubles), *(work() for work in works)]
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        yield
        while not all(task.done() for task in tasks):
            await fleet.run_for(1.0)
        for task in tasks:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def acts_of(fleet: SimulatedFleet, trouble: Trouble) -> tuple[Act, Act]:
    """How it begins and how it ends."""
    if trouble.whom == "broker":
        lost = [fleet.broker.lose_disk] if "disk" in trouble.what else []
        return _at_once(fleet.broker.go_down, *lost), _at_once(fleet.broker.come_up)
    if trouble.whom == "registry":
        if trouble.what == "has no database":
            away = Unavailable("the database is away")
            return _at_once(lambda: fleet.database_away(away)), _at_once(lambda: fleet.database_away(None))
        return fleet.registry.stop, _at_once(fleet.registry.start)
    if trouble.whom == "deployer":
        return fleet.deployer.stop, _at_once(fleet.deployer.start)
    machine = fleet.machines[int(trouble.whom)]
    match trouble.what:
        case "is cut off":
            return _at_once(machine.cut), _at_once(machine.mend)
        case "is suspended":
            return _at_once(machine.clock.pause), _at_once(machine.clock.resume)
        case "is stopped":
            return _at_once(machine.stop_process), _at_once(machine.continue_process)
        case _:
            return lambda: machine.kill(wipe="wiped" in trouble.what), _at_once(machine.start)


def _at_once(*acts: Callable[[], None]) -> Act:
    async def act() -> None:
        for each in acts:
            each()

    return act
