"""Every machine for itself: what a machine and the registry can come to together, whatever the other machines do.

Machines know of each other only through the registry. So instead of whole worlds these are pairs of the registry and
one machine; what another machine makes of the registry in any of its own pairs may happen to this one too. That is
never less than what can really come about, and may be more: what is not found here does not exist. There are a few
thousand pairs where there are millions of worlds, so the bounds can be wider.

It is enough for "at most one is live", because it looks for less: a machine that is live although the account is not
its node's in that epoch. It needs every machine to have a node of its own.
"""

from collections import defaultdict
from dataclasses import dataclass
from time import perf_counter

from tests.model.protocol import Protocol
from tests.model.world import Machine, Office

# Done by nobody: an operator, time.
NOBODY = -1


@dataclass(frozen=True)
class Pairs:
    """What was found: how many pairs, and the first that is a stray."""

    pairs: int
    seconds: float
    stray: tuple[Office, Machine] | None = None

    def __str__(self) -> str:
        size = f"{self.pairs:,} pairs, {self.seconds:.1f} s"
        return size if self.stray is None else f"live elsewhere ({size}): {self.stray}"


class Apart:
    """See the module's docstring. `run` may be called once."""

    def __init__(self, protocol: Protocol) -> None:
        assert len(set(protocol.owners)) == len(protocol.owners), "every machine has a node of its own here"
        self._protocol = protocol
        self._places = range(len(protocol.owners))
        self._known: set[tuple[int, Office, Machine]] = set()
        self._left: list[tuple[int, Office, Machine]] = []
        # By registry: the machines that were seen with it, what others make of it, and who is having a tick in it.
        self._with: dict[Office, list[tuple[int, Machine]]] = defaultdict(list)
        self._changes: dict[Office, set[tuple[int, Office]]] = defaultdict(set)
        self._ticking: dict[Office, list[tuple[int, Machine]]] = defaultdict(list)
        self._deaths: dict[Office, set[tuple[int, Office]]] = defaultdict(set)
        self._asked: set[Office] = set()

    def run(self) -> Pairs:
        """Look at everything."""
        began = perf_counter()
        office, machines = self._protocol.beginning()
        for place, machine in enumerate(machines):
            self._add(place, office, machine)
        while self._left:
            place, office, machine = self._left.pop()
            if machine.connected and (office.row.node, office.row.epoch) != (
                self._protocol.owners[place],
                machine.epoch,
            ):
                return Pairs(len(self._known), perf_counter() - began, (office, machine))
            self._follow(place, office, machine)
        return Pairs(len(self._known), perf_counter() - began)

    def _add(self, place: int, office: Office, machine: Machine) -> None:
        machine = self._protocol.tidy(office, place, machine)
        pair = place, office, machine
        if pair not in self._known:
            self._known.add(pair)
            self._left.append(pair)
            self._with[office].append((place, machine))
            for by, after in list(self._changes[office]):
                if by != place:
                    self._add(place, after, machine)

    def _change(self, by: int, office: Office, after: Office) -> None:
        """The registry goes on without the machines that did nothing."""
        if after != office and (by, after) not in self._changes[office]:
            self._changes[office].add((by, after))
            for place, machine in list(self._with[office]):
                if place != by:
                    self._add(place, after, machine)

    def _follow(self, place: int, office: Office, machine: Machine) -> None:
        protocol = self._protocol
        if office not in self._asked:
            self._asked.add(office)
            for _, after in protocol.alone(office):
                self._change(NOBODY, office, after)
        for _, after, stepped in protocol.together(office, place, machine):
            self._add(place, after, stepped)
            self._change(place, office, after)
        ticked = protocol.ticked(office)
        self._ticking[ticked].append((place, machine))
        self._tick(place, ticked, ticked, machine)
        for by, death in list(self._deaths[ticked]):
            if by != place:
                self._tick(place, ticked, death, machine)

    def _tick(self, place: int, ticked: Office, before: Office, machine: Machine) -> None:
        """A tick of the machine, in which others may have ended before it: then the registry is `before`."""
        for _, after, passed in self._protocol.passed(before, place, machine):
            self._add(place, after, passed)
            self._change(place, before, after)
            if after != before and (place, after) not in self._deaths[ticked]:
                self._deaths[ticked].add((place, after))
                for other, waiting in list(self._ticking[ticked]):
                    if other != place:
                        self._tick(other, ticked, after, waiting)
