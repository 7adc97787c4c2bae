"""How fast a script can say things by itself: the most messages of one run in any minute.

Pure arithmetic on the script's graph, asked by `checks_pace`. Waits count with their shortest time, a
`choose` with its worst alternative, a step with `when` as taken. A *segment* is a scene from its first step,
or from just after a step that says something that counts; for each number of messages the least time is
found in which a segment gets that far, by Dijkstra over the scenes. Needs a script without restless loops.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from math import inf

from shared.scripts.flow import Saying, edges, moves
from shared.scripts.model import Scene, Script

MINUTE = 60.0
# Nobody needs to know by how much more a script is too fast.
MOST = 100

Segment = tuple[str, int]
# Whether what a step of the scene says counts.
Counts = Callable[[str, Saying], bool]


@dataclass(frozen=True, slots=True)
class Peak:
    """The most messages in a minute (`MOST` stands for that many or more), and the step that begins it."""

    count: int
    scene: str
    step: int


@dataclass(slots=True)
class _Ways:
    """How a segment goes on: to its next message, and to other scenes, with the shortest time until then."""

    message: tuple[float, Segment] | None = None
    gotos: dict[str, float] = field(default_factory=dict)


class Pace:
    """See the module's docstring: the pace of what `counts`."""

    def __init__(self, script: Script, counts: Counts) -> None:
        self._script = script
        self._counts = counts
        self._ways: dict[Segment, _Ways] = {}
        for scene in script.scenes:
            self._explore((scene, 0))

    def peak(self, scenes: Iterable[str]) -> Peak | None:
        """The worst minute that begins in one of the scenes; None when nothing that counts is said there."""
        wanted = set(scenes)
        after = [segment for segment in self._ways if segment[1] > 0 and segment[0] in wanted]
        peaks = [Peak(min(1 + self._most(segment, MINUTE), MOST), segment[0], segment[1] - 1) for segment in after]
        return max(peaks, key=lambda peak: peak.count, default=None)

    def within(self, scene: str, seconds: float) -> int:
        """The most messages in the first seconds, at most a minute, of a run that begins with the scene."""
        return self._most((scene, 0), seconds)

    def _most(self, segment: Segment, seconds: float) -> int:
        return sum(times.get(segment, inf) < seconds for times in self._times)

    def _explore(self, segment: Segment) -> None:
        """Walk on from a segment's beginning to the first message that counts."""
        scene, begin = segment
        ways = self._ways[segment] = _Ways()
        waited = 0.0
        for index, step in enumerate(self._script.scenes[scene].steps[begin:], begin):
            possible = moves(step)
            for move in possible:
                if move.goto is not None and move.goto in self._script.scenes:
                    ways.gotos[move.goto] = min(waited, ways.gotos.get(move.goto, inf))
            if any(move.says is not None and self._counts(scene, move.says) for move in possible):
                ways.message = (waited, (scene, index + 1))
                self._explore((scene, index + 1))
                return
            on = [move.wait for move in possible if move.goes_on]
            if not on:
                return
            waited += min(on)

    @cached_property
    def _times(self) -> list[dict[Segment, float]]:
        """For one message, two messages, …: the least time until then from each segment that can."""
        found: list[dict[Segment, float]] = []
        before = dict.fromkeys(self._ways, 0.0)
        while before and len(found) < MOST:
            before = self._one_more(before)
            found.append(before)
        return found

    def _one_more(self, before: dict[Segment, float]) -> dict[Segment, float]:
        """The least times for one message more than in `before`; a minute and more is left out."""
        first = {
            segment: ways.message[0] + before.get(ways.message[1], inf)
            for segment, ways in self._ways.items()
            if ways.message is not None
        }
        entries = self._spread({scene: first.get((scene, 0), inf) for scene in self._script.scenes})
        times = {
            segment: min(
                first.get(segment, inf), *(waited + entries[target] for target, waited in ways.gotos.items()), inf
            )
            for segment, ways in self._ways.items()
        }
        return {segment: time for segment, time in times.items() if time < MINUTE}

    def _spread(self, times: dict[str, float]) -> dict[str, float]:
        """The least times from each scene's beginning, if one may go elsewhere first."""
        sources: dict[str, list[tuple[str, float]]] = {scene: [] for scene in times}
        for (scene, begin), ways in self._ways.items():
            if begin == 0:
                for target, waited in ways.gotos.items():
                    sources[target].append((scene, waited))
        pending = [(time, scene) for scene, time in times.items() if time < MINUTE]
        heapq.heapify(pending)
        while pending:
            time, scene = heapq.heappop(pending)
            if time > times[scene]:
                continue
            for source, waited in sources[scene]:
                if time + waited < times[source]:
                    times[source] = time + waited
                    heapq.heappush(pending, (time + waited, source))
        return times


def reachable(script: Script, scenes: Iterable[str]) -> set[str]:
    """The scenes that a run which begins in one of `scenes` can come to."""
    found: set[str] = set()
    pending = [scene for scene in scenes if scene in script.scenes]
    while pending:
        scene = pending.pop()
        if scene not in found:
            found.add(scene)
            pending += [edge.target for edge in edges(script.scenes[scene]) if edge.target in script.scenes]
    return found


def shortest_runs(script: Script) -> dict[str, float]:
    """For each scene the least time in which a run of it is over; infinite when it never is."""
    over = {name: _shortest_end(scene) for name, scene in script.scenes.items()}
    ways = {name: [edge for edge in edges(scene) if edge.target in over] for name, scene in script.scenes.items()}
    changed = True
    while changed:
        changed = False
        for name, gotos in ways.items():
            best = min((edge.shortest + over[edge.target] for edge in gotos), default=inf)
            if best < over[name]:
                over[name], changed = best, True
    return over


def _shortest_end(scene: Scene) -> float:
    """The least time until the scene ends without going elsewhere."""
    waited = 0.0
    for step in scene.steps:
        possible = moves(step)
        if any(move.ends for move in possible):
            return waited
        on = [move.wait for move in possible if move.goes_on]
        if not on:
            return inf
        waited += min(on)
    return waited
