"""How a script moves: from triggers into scenes, and from scene to scene by `goto`.

Pure questions about a script's graph, asked by `checks`. Unknown scenes are left out here; reporting
them is the check's work.
"""

from dataclasses import dataclass

from shared.scripts.matching import groups_offered
from shared.scripts.model import Scene, Script
from shared.scripts.steps import GotoStep, StopStep, WaitStep
from shared.scripts.triggers import EveryTrigger

# Waits shorter than this do not make a loop harmless: it could still send faster than anyone reads.
CALM_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class WayIn:
    """One way in which a scene is reached: with a message and its match groups, or by time."""

    has_message: bool
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Edge:
    """A `goto`: the step's index, the scene it names, and the shortest time that passes before it."""

    step: int
    target: str
    shortest: float


def edges(scene: Scene) -> list[Edge]:
    """The gotos that can be reached in a scene."""
    waited = 0.0
    for index, step in enumerate(scene.steps):
        if isinstance(step, WaitStep):
            waited += step.wait[0]
        elif isinstance(step, GotoStep):
            return [Edge(index, step.goto, waited)]
        elif isinstance(step, StopStep):
            return []
    return []


def steps_never_reached(scene: Scene) -> int | None:
    """The index of the first step after a `goto` or `stop`; None when every step can be reached."""
    for index, step in enumerate(scene.steps[:-1]):
        if isinstance(step, GotoStep | StopStep):
            return index + 1
    return None


def ways_in(script: Script) -> dict[str, frozenset[WayIn]]:
    """For each scene, how it can be reached; empty for a scene that never plays."""
    ways = {name: frozenset(map(_way_of, scene.triggers)) for name, scene in script.scenes.items()}
    pending = list(script.scenes)
    while pending:
        name = pending.pop()
        for edge in edges(script.scenes[name]):
            if edge.target in ways and not ways[name] <= ways[edge.target]:
                ways[edge.target] |= ways[name]
                pending.append(edge.target)
    return ways


def _way_of(trigger: object) -> WayIn:
    if isinstance(trigger, EveryTrigger):
        return WayIn(has_message=False)
    return WayIn(has_message=True, groups=groups_offered(trigger))


def restless_loops(script: Script) -> list[tuple[str, ...]]:
    """Circles of scenes with a goto that comes back without a calm wait, each circle once."""
    hasty = {
        name: [edge.target for edge in edges(scene) if edge.shortest < CALM_SECONDS and edge.target in script.scenes]
        for name, scene in script.scenes.items()
    }
    loops: list[tuple[str, ...]] = []
    for name in script.scenes:
        circle = _circle(name, hasty)
        if circle and not any(name in known for known in loops):
            loops.append(circle)
    return loops


def _circle(start: str, hasty: dict[str, list[str]]) -> tuple[str, ...]:
    """The scenes on a shortest way from `start` back to it; empty when there is none."""
    came_from: dict[str, str] = {}
    pending = [start]
    for name in pending:
        for target in hasty[name]:
            if target == start:
                return tuple(reversed(_trail(name, start, came_from)))
            if target not in came_from:
                came_from[target] = name
                pending.append(target)
    return ()


def _trail(name: str, start: str, came_from: dict[str, str]) -> list[str]:
    trail = [name]
    while trail[-1] != start:
        trail.append(came_from[trail[-1]])
    return trail
