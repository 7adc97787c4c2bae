"""Breadth-first search over everything that a protocol can come to: all of it, or a short way to a bad end.

The bad end is two live machines. Before it there is always a stray: a machine that is live although the registry has
moved the account on. So from every stray that it meets the search looks a little ahead, for the other machine.

A world is the registry and the machines, each as a number, all in one: there are few of each and many ways to put them
together. What two of them may do next is asked of the protocol once and remembered. Words are only put together for
who wants to read them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter

from tests.model.protocol import Protocol, Together
from tests.model.world import NONE, Machine, Office

# A world has the registry's number in front and so many bits for each machine's.
BITS = 20
MASK = (1 << BITS) - 1
# So many worlds are looked at after a stray: the other machine has only to be told and to start.
AHEAD = 4_000


@dataclass(frozen=True)
class Found:
    """What a search came to. `trace` are the steps to two live machines, None if there are none."""

    states: int
    depth: int
    seconds: float
    strays: int
    trace: tuple[str, ...] | None = None

    def __str__(self) -> str:
        size = f"{self.states:,} states, {self.depth} steps deep, {self.seconds:.1f} s"
        return size if self.trace is None else "\n  ".join((f"live twice ({size}):", *self.trace))


@dataclass(frozen=True, slots=True)
class _Steps:
    """What may happen next to two of them. `alone` says by how much the world's number changes when only the machine
    takes a step, `both` are pairs of registry and machine."""

    alone: list[int]
    both: list[tuple[int, int]]
    words: list[str]


class Search:
    """One search. `run` may be called once."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._shifts = [BITS * place for place in reversed(range(len(protocol.owners)))]
        self._machines: list[Machine] = []
        self._offices: list[Office] = []
        # Of every machine the epoch in which it is live, of every registry whose the account is and in which epoch.
        self._lives: list[int] = []
        self._rows: list[tuple[int, int]] = []
        self._strays = 0
        self._machine_numbers: dict[Machine, int] = {}
        self._office_numbers: dict[Office, int] = {}
        self._of_office: dict[int, tuple[list[int], list[str]]] = {}
        # By place, then by registry and machine.
        self._together: list[dict[int, _Steps]] = [{} for _ in self._shifts]
        self._passed: list[dict[int, tuple[list[tuple[int, int]], list[str]]]] = [{} for _ in self._shifts]
        self._tidied: list[dict[int, int]] = [{} for _ in self._shifts]
        self._ticked: dict[int, int] = {}
        # Each world with the one before it; the beginning with none.
        self.before: dict[int, int] = {}

    def run(self, story: Iterable[str] = (), most: int | None = None) -> Found:
        """Search everything that may come after a story, or until something is found or `most` worlds are."""
        began = perf_counter()
        office, machines = self._protocol.beginning()
        world = self.number(office, machines)
        self.before[world] = -1
        for words in story:
            following = next(after for step, after in self.steps(world) if step == words)
            self.before.setdefault(following, world)
            world = following
        layer, depth = [world], len(self.before) - 1
        while layer and (most is None or len(self.before) <= most):
            layer, depth = self._next(layer), depth + 1
            if self._bad is not None:
                seconds, trace = perf_counter() - began, self.trace(self._bad)
                return Found(len(self.before), len(trace), seconds, self._strays, trace)
        return Found(len(self.before), depth, perf_counter() - began, self._strays)

    _bad: int | None = None

    def _next(self, layer: list[int]) -> list[int]:
        before, shifts, lives, after = self.before, self._shifts, self._lives, list[int]()
        for world in layer:
            for following in self.following(world):
                if following in before:
                    continue
                before[following] = world
                after.append(following)
                live = 0
                for shift in shifts:
                    live += lives[following >> shift & MASK] != NONE
                if live and (live > 1 or self._leads_on(following)):
                    self._bad = self._bad or following
                    return after
        return after

    def _leads_on(self, world: int) -> bool:
        """Whether it is a stray from which a few steps lead to two live machines."""
        office, machines = self.parts(world)
        node, epoch = self._rows[office]
        live = [(owner, self._lives[each]) for owner, each in zip(self._protocol.owners, machines, strict=True)]
        if all(each == NONE or (owner, each) == (node, epoch) for owner, each in live):
            return False
        self._strays += 1
        before, left = {world: -1}, [world]
        for each in left:
            for following in self.following(each):
                if following in before:
                    continue
                before[following] = each
                left.append(following)
                if sum(self._lives[machine] != NONE for machine in self.parts(following)[1]) > 1:
                    self._bad = following
                    self.before = before | self.before
                    return True
            if len(before) > AHEAD:
                break
        return False

    def steps(self, world: int) -> Iterator[tuple[str, int]]:
        """Everything that may happen next, in words."""
        (office, machines), following = self.parts(world), self.following(world)
        words = list(self._alone(office)[1])
        for place, machine in enumerate(machines):
            words += self._both(place, office, machine).words
        return zip([*words, *self._tick_words(office, machines)], following, strict=True)

    def following(self, world: int) -> list[int]:
        """Everything that may happen next; the same world may come more than once."""
        office, machines = self.parts(world)
        found = [self._tidy_world(after, machines) for after in self._alone(office)[0]]
        for place, machine in enumerate(machines):
            steps = self._both(place, office, machine)
            found += [world + change for change in steps.alone]
            if steps.both:
                found += [self._tidy_world(after, machines, place, stepped) for after, stepped in steps.both]
        return found + self._ticks(office, machines)

    def parts(self, world: int) -> tuple[int, list[int]]:
        """The numbers of the registry and of the machines."""
        shifts = self._shifts
        return world >> (shifts[0] + BITS), [world >> shift & MASK for shift in shifts]

    def number(self, office: Office, machines: Iterable[Machine]) -> int:
        """The world of these, as a number."""
        return self._world(self._office(office), map(self._machine, machines))

    def meaning(self, world: int) -> tuple[Office, list[Machine]]:
        """The registry and the machines."""
        office, machines = self.parts(world)
        return self._offices[office], [self._machines[each] for each in machines]

    def _world(self, office: int, machines: Iterable[int]) -> int:
        for machine in machines:
            office = office << BITS | machine
        return office

    def _tidy_world(self, office: int, machines: list[int], place: int = -1, stepped: int = 0) -> int:
        """The world after the registry has changed; the machine at `place` has taken the step, and is tidy."""
        world = office
        for each, machine in enumerate(machines):
            if each == place:
                world = world << BITS | stepped
                continue
            key, known = office << BITS | machine, self._tidied[each]
            tidied = known.get(key)
            if tidied is None:
                tidy = self._protocol.tidy(self._offices[office], each, self._machines[machine])
                tidied = known[key] = self._machine(tidy)
            world = world << BITS | tidied
        return world

    def _ticks(self, office: int, machines: list[int]) -> list[int]:
        """The worlds after a tick: whatever each machine's clock makes of it, one after the other."""
        if (ticked := self._ticked.get(office)) is None:
            ticked = self._ticked[office] = self._office(self._protocol.ticked(self._offices[office]))
        ends = [(ticked, 0)]
        for place, machine in enumerate(machines):
            ends = [
                (after, done << BITS | passed)
                for before, done in ends
                for after, passed in self._of_tick(before, place, machine)[0]
            ]
        room = BITS * len(machines)
        return [after << room | done for after, done in ends]

    def _tick_words(self, office: int, machines: list[int]) -> list[str]:
        ends = [("a tick", self._ticked[office])]
        for place, machine in enumerate(machines):
            ends = [
                (words + more, after)
                for words, before in ends
                for (after, _), more in zip(*self._of_tick(before, place, machine), strict=True)
            ]
        return [words for words, _ in ends]

    def _alone(self, office: int) -> tuple[list[int], list[str]]:
        found = self._of_office.get(office)
        if found is None:
            steps = list(self._protocol.alone(self._offices[office]))
            found = self._of_office[office] = [self._office(after) for _, after in steps], [words for words, _ in steps]
        return found

    def _both(self, place: int, office: int, machine: int) -> _Steps:
        key, known = office << BITS | machine, self._together[place]
        found = known.get(key)
        if found is None:
            steps = self._numbered(office, place, machine, self._protocol.together)
            alone = [(words, stepped) for words, after, stepped in steps if after == office]
            both = [(words, (after, stepped)) for words, after, stepped in steps if after != office]
            words = [words for words, _ in alone] + [words for words, _ in both]
            changes = [stepped - machine << self._shifts[place] for _, stepped in alone]
            found = known[key] = _Steps(changes, [each for _, each in both], words)
        return found

    def _of_tick(self, office: int, place: int, machine: int) -> tuple[list[tuple[int, int]], list[str]]:
        key, known = office << BITS | machine, self._passed[place]
        found = known.get(key)
        if found is None:
            steps = self._numbered(office, place, machine, self._protocol.passed)
            found = known[key] = [(after, passed) for _, after, passed in steps], [words for words, _, _ in steps]
        return found

    def _numbered(
        self, office: int, place: int, machine: int, ask: Callable[[Office, int, Machine], Iterator[Together]]
    ) -> list[tuple[str, int, int]]:
        tidy = self._protocol.tidy
        return [
            (words, self._office(after), self._machine(tidy(after, place, stepped)))
            for words, after, stepped in ask(self._offices[office], place, self._machines[machine])
        ]

    def _office(self, office: Office) -> int:
        number = self._office_numbers.get(office)
        if number is None:
            number = self._office_numbers[office] = len(self._offices)
            self._offices.append(office)
            self._rows.append((office.row.node, office.row.epoch))
        return number

    def _machine(self, machine: Machine) -> int:
        number = self._machine_numbers.get(machine)
        if number is None:
            number = self._machine_numbers[machine] = len(self._machines)
            assert number <= MASK, "more machines than a world has room for"
            self._machines.append(machine)
            self._lives.append(machine.epoch if machine.connected else NONE)
        return number

    def trace(self, world: int) -> tuple[str, ...]:
        """The steps from the beginning to a world."""
        steps = []
        while (before := self.before[world]) != -1:
            steps.append(next(words for words, after in self.steps(before) if after == world))
            world = before
        return tuple(reversed(steps))


def search(protocol: Protocol, story: Iterable[str] = (), most: int | None = None) -> Found:
    """Search a protocol for two machines that are live at once; `story` are the steps to begin with."""
    return Search(protocol).run(story, most)
