"""Breadth-first search over everything that a protocol can come to: all of it, or the shortest way to a bad end.

A world is the registry and the machines, each as a number: there are few of each and many ways to put them together.
What two of them may do next is asked of the protocol once and remembered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter

from tests.model.protocol import Protocol
from tests.model.world import Machine, Office

World = tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """What a search came to. `trace` are the steps to two live machines, None if there are none."""

    states: int
    depth: int
    seconds: float
    trace: tuple[str, ...] | None = None

    def __str__(self) -> str:
        size = f"{self.states:,} states, {self.depth} steps deep, {self.seconds:.1f} s"
        return size if self.trace is None else "\n  ".join((f"live twice ({size}):", *self.trace))


class Search:
    """One search. `run` may be called once."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._machines: list[Machine] = []
        self._offices: list[Office] = []
        self._machine_numbers: dict[Machine, int] = {}
        self._office_numbers: dict[Office, int] = {}
        self._alone: dict[int, list[tuple[str, int]]] = {}
        self._together: dict[tuple[int, int, int], list[tuple[str, int, int]]] = {}
        self._passed: dict[tuple[int, int, int], list[tuple[str, int, int]]] = {}
        self._ticked: dict[int, int] = {}
        self._tidied: dict[tuple[int, int, int], int] = {}
        self._before: dict[World, tuple[World, str] | None] = {}

    def run(self, story: Iterable[str] = (), most: int | None = None) -> Found:
        """Search everything that may come after a story, or until something is found or `most` worlds are."""
        began = perf_counter()
        office, machines = self._protocol.beginning()
        world = (self._office(office), *map(self._machine, machines))
        self._before[world] = None
        for words in story:
            following = next(after for step, after in self.steps(world) if step == words)
            self._before.setdefault(following, (world, words))
            world = following
        layer, depth = [world], len(self._before) - 1
        while layer and (most is None or len(self._before) <= most):
            layer, depth, found = self._next(layer), depth + 1, self._bad
            if found is not None:
                return Found(len(self._before), depth, perf_counter() - began, self.trace(found))
        return Found(len(self._before), depth, perf_counter() - began)

    _bad: World | None = None

    def _next(self, layer: list[World]) -> list[World]:
        before, after = self._before, []
        for world in layer:
            for words, following in self.steps(world):
                if following in before:
                    continue
                before[following] = (world, words)
                after.append(following)
                if sum(self._machines[each].connected for each in following[1:]) > 1:
                    self._bad = following
                    return after
        return after

    def steps(self, world: World) -> Iterable[tuple[str, World]]:
        """Everything that may happen next."""
        office, *machines = world
        found = []
        for words, after in self._of_office(office):
            found.append((words, (after, *(self._tidy(after, each, machine) for each, machine in enumerate(machines)))))
        for number, machine in enumerate(machines):
            for words, after, stepped in self._of_both(office, number, machine):
                if after == office:
                    found.append((words, (office, *machines[:number], stepped, *machines[number + 1 :])))
                else:
                    others = [
                        stepped if each == number else self._tidy(after, each, other)
                        for each, other in enumerate(machines)
                    ]
                    found.append((words, (after, *others)))
        found += self._ticks(office, machines)
        return found

    def _ticks(self, office: int, machines: list[int]) -> list[tuple[str, World]]:
        if (ticked := self._ticked.get(office)) is None:
            ticked = self._ticked[office] = self._office(self._protocol.ticked(self._offices[office]))
        ends: list[tuple[str, int, tuple[int, ...]]] = [("a tick", ticked, ())]
        for number, machine in enumerate(machines):
            ends = [
                (words + more, after, (*done, passed))
                for words, before, done in ends
                for more, after, passed in self._of_tick(before, number, machine)
            ]
        return [(words, (after, *done)) for words, after, done in ends]

    def _of_office(self, office: int) -> list[tuple[str, int]]:
        found = self._alone.get(office)
        if found is None:
            steps = self._protocol.alone(self._offices[office])
            found = self._alone[office] = [(words, self._office(after)) for words, after in steps]
        return found

    def _of_both(self, office: int, number: int, machine: int) -> list[tuple[str, int, int]]:
        key = (office, number, machine)
        found = self._together.get(key)
        if found is None:
            steps = self._protocol.together(self._offices[office], number, self._machines[machine])
            found = self._together[key] = self._numbered(number, steps)
        return found

    def _of_tick(self, office: int, number: int, machine: int) -> list[tuple[str, int, int]]:
        key = (office, number, machine)
        found = self._passed.get(key)
        if found is None:
            steps = self._protocol.passed(self._offices[office], number, self._machines[machine])
            found = self._passed[key] = self._numbered(number, steps)
        return found

    def _numbered(self, number: int, steps: Iterable[tuple[str, Office, Machine]]) -> list[tuple[str, int, int]]:
        tidy = self._protocol.tidy
        return [
            (words, self._office(office), self._machine(tidy(office, number, machine)))
            for words, office, machine in steps
        ]

    def _tidy(self, office: int, number: int, machine: int) -> int:
        key = (office, number, machine)
        found = self._tidied.get(key)
        if found is None:
            tidied = self._protocol.tidy(self._offices[office], number, self._machines[machine])
            found = self._tidied[key] = self._machine(tidied)
        return found

    def _office(self, office: Office) -> int:
        number = self._office_numbers.get(office)
        if number is None:
            number = self._office_numbers[office] = len(self._offices)
            self._offices.append(office)
        return number

    def _machine(self, machine: Machine) -> int:
        number = self._machine_numbers.get(machine)
        if number is None:
            number = self._machine_numbers[machine] = len(self._machines)
            self._machines.append(machine)
        return number

    def trace(self, world: World) -> tuple[str, ...]:
        """The steps from the beginning to a world."""
        steps = []
        while (step := self._before[world]) is not None:
            world, words = step
            steps.append(words)
        return tuple(reversed(steps))


def search(protocol: Protocol, story: Iterable[str] = (), most: int | None = None) -> Found:
    """Search a protocol for two machines that are live at once; `story` are the steps to begin with."""
    return Search(protocol).run(story, most)
