"""The protocol of assignments as a whole: registry, agents, and what happens to both, within bounds.

Nothing happens between more than two: every step is of the registry alone, of a machine alone, or of both. A tick is
everybody's. That is what makes the search quick: what two of them may do is worked out once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.model.agent import LEASE, Agent
from tests.model.guards import Guard
from tests.model.registry import NAMES, Registry
from tests.model.world import NOBODY, Entry, Frozen, Machine, Node, Office, Phase, Row, Standing

Together = tuple[str, Office, Machine]


@dataclass(frozen=True)
class Bounds:
    """What may happen, and how often. `machines` says to which node each machine belongs.

    `drift` is how many ticks of a lease a machine's clock may miss, `under_way` how many of each machine's beats are
    under way; of one that is not named, one. `stands_still` takes the clock of a suspended machine with it: that is
    outside what the protocol can bear.
    """

    machines: tuple[int, ...] = (0, 1)
    moves: int = 2
    crashes: int = 0
    freezes: int = 0
    settings: int = 0
    drift: int = 0
    ticks: int = LEASE
    under_way: tuple[int, ...] = ()
    stands_still: bool = False


class Protocol:
    """See the module's docstring. `without` takes guards out; a `dead` machine does nothing, for ever."""

    def __init__(self, bounds: Bounds, without: frozenset[Guard] = frozenset(), dead: int = NOBODY) -> None:
        self.bounds = bounds
        self.owners = bounds.machines
        self.names = [_name(self.owners, number) for number in range(len(self.owners))]
        self._dead = dead
        beats = (*bounds.under_way, *(1,) * len(self.owners))
        self._agents = [Agent(without, beats[each], steady=not bounds.settings) for each in range(len(self.owners))]
        self._registry = Registry(without, self.owners)

    def beginning(self) -> tuple[Office, tuple[Machine, ...]]:
        """The account is node A's, nobody has reported, every agent has just started."""
        bounds, nodes = self.bounds, []
        for owner in range(max(self.owners) + 1):
            sets = (Entry(1) if owner == 0 else None,)
            nodes.append(Node(sets, tuple(each for each, whose in enumerate(self.owners) if whose == owner)))
        row = Row(Standing.ASSIGNED, 0, NOBODY, 1)
        office = Office(row, tuple(nodes), bounds.ticks, bounds.moves, bounds.crashes, bounds.freezes, bounds.settings)
        return office, (Machine(),) * len(self.owners)

    def alone(self, office: Office) -> Iterator[tuple[str, Office]]:
        """Steps that need no machine."""
        for words, after in self._registry.alone(office):
            yield words, self._registry.tidy(after)

    def together(self, office: Office, number: int, machine: Machine) -> Iterator[Together]:
        """Steps of one machine, with the registry or without."""
        name = self.names[number]
        for words, after, judged in self._registry.judgements(office, number, machine):
            yield f"{words} {name}", self._registry.tidy(after), judged
        if number == self._dead:
            return
        if machine.frozen:
            yield self._thawed(office, number, machine)
            return
        for words, stepped in self._agents[number].steps(machine, office.nodes[self.owners[number]].sets):
            yield f"{name} {words}", office, stepped
        if office.crashes:
            fewer = office._replace(crashes=office.crashes - 1)
            yield f"{name} is killed and starts anew", *self._killed(fewer, number, machine)
        if office.freezes and machine.phase != Phase.IDLE:
            fewer = office._replace(freezes=office.freezes - 1)
            yield f"{name} is stopped by a signal", fewer, machine._replace(frozen=Frozen.STOPPED)
            yield f"the machine of {name} is suspended", fewer, machine._replace(frozen=Frozen.SUSPENDED)

    def _thawed(self, office: Office, number: int, machine: Machine) -> Together:
        name = self.names[number]
        if machine.frozen == Frozen.SUSPENDED and machine.lease <= 0 and self._agents[number].deadly(machine):
            # The kernel's timer is due in the moment in which the machine wakes, before anybody gets time.
            return f"the machine of {name} wakes, its deadman kills it", *self._killed(office, number, machine)
        return f"{name} goes on", office, machine._replace(frozen=Frozen.NO)

    def _killed(self, office: Office, number: int, machine: Machine) -> tuple[Office, Machine]:
        return self._registry.died(office, number, machine.beats), Machine()

    def ticked(self, office: Office) -> Office:
        """The registry a tick later."""
        return self._registry.ticked(office)

    def passed(self, office: Office, number: int, machine: Machine) -> Iterator[Together]:
        """The machine a tick later, for whatever its clock makes of the tick."""
        words = f", which the clock of {self.names[number]} misses"
        if self.bounds.stands_still and machine.frozen == Frozen.SUSPENDED:
            yield words, office, machine
            return
        after = self._agents[number].ticked(machine)
        if after is None:
            yield f", in which {self.names[number]} is killed by its deadman", *self._killed(office, number, machine)
        else:
            yield "", office, after
        if self._agents[number].may_lag(machine, self.bounds.drift):
            yield words, office, self._agents[number].lagged(machine)

    def tidy(self, office: Office, number: int, machine: Machine) -> Machine:
        """The machine without what can have no effect any more."""
        return self._agents[number].tidy(machine, office.nodes[self.owners[number]].sets)


def _name(owners: tuple[int, ...], number: int) -> str:
    return NAMES[owners[number]] + "'" * owners[:number].count(owners[number])
