"""A bad day for a fleet, drawn from a seed: what goes wrong, when, and for how long.

Things go wrong with the broker, the registry, the deployer, the registry's database and every machine, each with one
thing after the other, all of them side by side. Between, messages are lost, late and delivered twice, guests speak
and scripts are deployed. After `SPAN` seconds nothing new begins.
"""

import random
from dataclasses import dataclass
from functools import partial

from tests.simulation.fleet import SimulatedFleet
from tests.simulation.scripts import greeter
from tests.simulation.troubles import TROUBLES, Trouble, suffering
from tests.simulation.weather import Weather, clear_sky

SPAN = 120.0
NODES = 3


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
        choices = ((0.0, 0.05, 0.2), (0.0, 0.1), (0.0, 0.3))
        self.weather = Weather(*map(self._dice.choice, choices))

    def __str__(self) -> str:
        return "\n".join([str(self.weather), *sorted(map(str, [*self.troubles, *self.deployments]))])

    async def play(self, fleet: SimulatedFleet) -> None:
        """Live through the day; at its end nothing is wrong any more, and not everything is mended yet."""
        self.weather.begin(fleet)
        async with suffering(fleet, self.troubles, partial(self._speak, fleet)):
            for deployment in self.deployments:
                await _deploy(fleet, deployment)
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

    async def _speak(self, fleet: SimulatedFleet) -> None:
        dice = random.Random(self._dice.random())
        while fleet.clock.monotonic() < SPAN:
            await fleet.clock.sleep(dice.uniform(0.1, 10))
            fleet.say(dice.randrange(NODES), dice.choice(("/hello", "good morning")))


async def _deploy(fleet: SimulatedFleet, deployment: Deployment) -> None:
    # The deployer checks scripts in a thread, so this waits for real time; meanwhile the clock must stand still.
    await fleet.run_for(max(0.0, deployment.at - fleet.clock.monotonic()))
    while fleet.deployer.app is None:
        await fleet.run_for(1.0)
    await fleet.push(greeter(deployment.script_id, deployment.reply, NODES))
    await fleet.deploy(deployment.script_id)
