"""A search over small worlds: everything that can come about, the shortest way to a bad end, and dead ends.

A dead end is a world from which no calm steps lead to a good one: something is waited for that nobody will bring.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

World = TypeVar("World", bound=Hashable)
Steps = Callable[[World], Iterable[tuple[str, World]]]


@dataclass(frozen=True)
class Explored(Generic[World]):
    """Every world that was found, each with the world and the step that it came from; `bad` is the first bad one."""

    before: dict[World, tuple[World, str] | None]
    bad: World | None = None

    def story(self, world: World) -> list[str]:
        """The steps to a world."""
        told: list[str] = []
        while (step := self.before[world]) is not None:
            world, words = step
            told.append(words)
        return told[::-1]


def explore(beginning: World, steps: Steps[World], bad: Callable[[World], bool]) -> Explored[World]:
    """Everything that can come about, or as much as there is until a bad world is found."""
    before: dict[World, tuple[World, str] | None] = {beginning: None}
    layer = [beginning]
    while layer:
        found = []
        for world in layer:
            for words, after in steps(world):
                if after not in before:
                    before[after] = (world, words)
                    if bad(after):
                        return Explored(before, after)
                    found.append(after)
        layer = found
    return Explored(before)


def dead_ends(
    worlds: Iterable[World], calm: Callable[[World], Iterable[World]], good: Callable[[World], bool]
) -> list[World]:
    """The worlds from which calm steps lead to no good one: backwards from the good ones, along those steps."""
    sources: dict[World, list[World]] = {}
    reached: set[World] = set()
    every = list(worlds)
    known = set(every)
    for world in every:
        if good(world):
            reached.add(world)
        for after in calm(world):
            sources.setdefault(after, []).append(world)
            if after not in known:
                known.add(after)
                every.append(after)
    left = list(reached)
    while left:
        for world in sources.get(left.pop(), ()):
            if world not in reached:
                reached.add(world)
                left.append(world)
    return [world for world in every if world not in reached]
