"""A bad day for a fleet, drawn from a seed: what goes wrong, when, and for how long.

Things go wrong with the broker, the registry, the deployer, the registry's database and every machine, each with one
thing after the other, all of them side by side. Between, messages are lost, late and delivered twice, guests speak
and scripts are deployed. After `SPAN` seconds nothing new begins.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.contracts.contract import Contract
from shared.messaging import Unavailable
from shared.randomness import SeededRandomness
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.scripts import greeter

SPAN = 120.0
NODES = 3
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


@dataclass(frozen=True)
class Deployment:
    """A script version that is pushed and deployed to everyone."""

    at: float
    script_id: str
    reply: str

    def __str__(self) -> str:
        return f"{self.at:6.1f} s: {self.script_id} with {self.reply!r} is deployed"


class Schedule:
    """See the module's docstring. The same seed is the same day."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        machines = [str(number) for number in range(NODES)]
        self.troubles = [
            each for whom in ("broker", "registry", "deployer", *machines) for each in self._troubles(whom)
        ]
        orders = (("first", "one"), ("second", "two"), ("third", "three"), ("first", "one again"))
        times = sorted(self._dice.uniform(0, SPAN) for _ in orders)
        self.deployments = [Deployment(at, *order) for at, order in zip(times, orders, strict=True)]
        self.lost = self._dice.choice((0.0, 0.05, 0.2))
        self.repeated = self._dice.choice((0.0, 0.1))
        self.late = self._dice.choice((0.0, 0.3))

    def __str__(self) -> str:
        weather = f"messages lost {self.lost:.0%}, repeated {self.repeated:.0%}, late {self.late:.0%}"
        return "\n".join([weather, *sorted(map(str, [*self.troubles, *self.deployments]))])

    async def play(self, fleet: SimulatedFleet) -> None:
        """Live through the day; at its end nothing is wrong any more, and not everything is mended yet."""
        self._weather(fleet)
        acts = [self._suffer(fleet, each) for each in self.troubles]
        tasks = [asyncio.create_task(act) for act in (*acts, self._speak(fleet))]
        try:
            for deployment in self.deployments:
                await _deploy(fleet, deployment)
            while not all(task.done() for task in tasks):
                await fleet.run_for(1.0)
            for task in tasks:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        clear_sky(fleet)

    def _troubles(self, whom: str) -> list[Trouble]:
        kinds = TROUBLES.get(whom, TROUBLES["machine"])
        found, at = [], self._dice.uniform(0, 40)
        while at < SPAN:
            what = self._dice.choice(list(kinds))
            seconds = self._dice.uniform(0.5, kinds[what])
            found.append(Trouble(at, seconds, whom, what))
            at += seconds + self._dice.uniform(1, 60)
        return found

    def _weather(self, fleet: SimulatedFleet) -> None:
        fleet.broker.lose = self._chance(fleet, "lost", self.lost)
        fleet.broker.repeat = self._chance(fleet, "repeated", self.repeated)
        late, seconds = self._chance(fleet, "late", self.late), fleet.dice("delay")
        fleet.broker.delay = lambda message: seconds.uniform(0.01, 3) if late(message) else 0.0

    def _chance(self, fleet: SimulatedFleet, what: str, share: float) -> Callable[[Contract], bool]:
        # Each kind of message of each node has dice of its own: which of two comes first in an instant does not matter.
        dice: dict[str, SeededRandomness] = {}

        def happens(message: Contract) -> bool:
            whose = f"{what} {message.TYPE} {getattr(message, 'node_id', '')}"
            return dice.setdefault(whose, fleet.dice(whose)).uniform(0, 1) < share

        return happens

    async def _suffer(self, fleet: SimulatedFleet, trouble: Trouble) -> None:
        begin, end = _acts(fleet, trouble)
        await fleet.clock.sleep(trouble.at)
        await begin()
        await fleet.clock.sleep(trouble.seconds)
        await end()

    async def _speak(self, fleet: SimulatedFleet) -> None:
        dice = random.Random(self._dice.random())
        while fleet.clock.monotonic() < SPAN:
            await fleet.clock.sleep(dice.uniform(0.1, 10))
            fleet.say(dice.randrange(NODES), dice.choice(("/hello", "good morning")))


def clear_sky(fleet: SimulatedFleet) -> None:
    """No message is lost, late or repeated any more."""
    fleet.broker.lose = fleet.broker.repeat = lambda _: False
    fleet.broker.delay = lambda _: 0.0


async def _deploy(fleet: SimulatedFleet, deployment: Deployment) -> None:
    # The deployer checks scripts in a thread, so this waits for real time; meanwhile the clock must stand still.
    await fleet.run_for(max(0.0, deployment.at - fleet.clock.monotonic()))
    while fleet.deployer.app is None:
        await fleet.run_for(1.0)
    await fleet.push(greeter(deployment.script_id, deployment.reply, NODES))
    await fleet.deploy(deployment.script_id)


def _acts(fleet: SimulatedFleet, trouble: Trouble) -> tuple[Act, Act]:
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
