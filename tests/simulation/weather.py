"""What the network does to messages: loses some, delivers some twice, and some late."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.contracts.contract import Contract
from shared.randomness import SeededRandomness
from tests.simulation.fleet import SimulatedFleet


@dataclass(frozen=True)
class Weather:
    """Shares of the messages; the late ones come up to `longest` seconds late."""

    lost: float
    repeated: float
    late: float
    longest: float = 3.0

    def __str__(self) -> str:
        late = f"late {self.late:.0%} by up to {self.longest:.1f} s"
        return f"messages lost {self.lost:.0%}, repeated {self.repeated:.0%}, {late}"

    def begin(self, fleet: SimulatedFleet) -> None:
        """From now on messages go this way."""
        fleet.broker.lose = _chance(fleet, "lost", self.lost)
        fleet.broker.repeat = _chance(fleet, "repeated", self.repeated)
        late, dice = _chance(fleet, "late", self.late), _Dice(fleet, "delay")
        fleet.broker.delay = lambda message: dice.of(message).uniform(0.01, self.longest) if late(message) else 0.0


def clear_sky(fleet: SimulatedFleet) -> None:
    """No message is lost, late or repeated any more."""
    fleet.broker.lose = fleet.broker.repeat = lambda _: False
    fleet.broker.delay = lambda _: 0.0


class _Dice:
    """Dice for each kind of message of each node: which of two comes first in an instant does not matter."""

    def __init__(self, fleet: SimulatedFleet, what: str) -> None:
        self._fleet = fleet
        self._what = what
        self._dice: dict[tuple[str, str], SeededRandomness] = {}

    def of(self, message: Contract) -> SeededRandomness:
        """The dice for this message."""
        whose = message.TYPE, getattr(message, "node_id", "")
        if whose not in self._dice:
            self._dice[whose] = self._fleet.dice(f"{self._what} {whose[0]} {whose[1]}")
        return self._dice[whose]


def _chance(fleet: SimulatedFleet, what: str, share: float) -> Callable[[Contract], bool]:
    if not share:
        return lambda _: False
    dice = _Dice(fleet, what)
    return lambda message: dice.of(message).uniform(0, 1) < share
