"""How a script moves: from triggers into scenes, through steps, and from scene to scene by `goto`.

Pure questions about a script's graph, asked by `checks` and `pace`. A step with `when` may be taken or
left out, a `choose` may turn out as any of its alternatives: both ways count. Unknown scenes are left out
here; reporting them is the check's work.
"""

from dataclasses import dataclass
from typing import assert_never

from shared.scripts.matching import groups_offered
from shared.scripts.model import Scene, Script
from shared.scripts.steps import (
    ChooseStep,
    GotoStep,
    ReactStep,
    ReplyStep,
    SendStep,
    SetStep,
    SimpleStep,
    Step,
    StopStep,
    WaitStep,
    options_of,
)
from shared.scripts.triggers import AtTrigger, EveryTrigger, JoinedTrigger, Trigger

# Waits shorter than this do not make a loop harmless: it could still send faster than anyone reads.
CALM_SECONDS = 1.0

# What counts towards the limits: a reaction for the account, not for the chat.
Saying = ReplyStep | SendStep | ReactStep

SENDER_NAMES = frozenset({"sender"})
MESSAGE_NAMES = frozenset({"sender", "text", "match"})


@dataclass(frozen=True, slots=True)
class WayIn:
    """One way in which a scene is reached: what texts then know, and whether there is a message to answer."""

    names: frozenset[str]
    groups: frozenset[str] = frozenset()

    @property
    def answerable(self) -> bool:
        """A message of a guest, or the service message that says who joined."""
        return "sender" in self.names


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that a step can turn out to do: say something or wait, then go on, go elsewhere, or end."""

    wait: float = 0.0
    says: Saying | None = None
    goto: str | None = None
    ends: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether the next step of the scene follows."""
        return self.goto is None and not self.ends


@dataclass(frozen=True, slots=True)
class Edge:
    """A `goto`: the step's index, the scene it names, and the shortest time that passes before it."""

    step: int
    target: str
    shortest: float


def moves(step: Step) -> list[Move]:
    """Everything that a step can turn out to do."""
    options = options_of(step)
    found = [_move(option) for option in options]
    if step.when is not None or (isinstance(step, ChooseStep) and all(each.when is not None for each in options)):
        found.append(Move())
    return found


def _move(step: SimpleStep) -> Move:
    match step:
        case WaitStep(wait=(shortest, _)):
            return Move(wait=shortest)
        case ReplyStep() | SendStep() | ReactStep():
            return Move(says=step)
        case GotoStep(goto=target):
            return Move(goto=target)
        case StopStep():
            return Move(ends=True)
        case SetStep():
            return Move()
        case _:
            assert_never(step)


def edges(scene: Scene) -> list[Edge]:
    """The gotos that can be reached in a scene."""
    found = []
    waited = 0.0
    for index, step in enumerate(scene.steps):
        possible = moves(step)
        found += [Edge(index, each.goto, waited) for each in possible if each.goto is not None]
        on = [each.wait for each in possible if each.goes_on]
        if not on:
            break
        waited += min(on)
    return found


def steps_never_reached(scene: Scene) -> int | None:
    """The index of the first step after one that never goes on; None when every step can be reached."""
    for index, step in enumerate(scene.steps[:-1]):
        if not any(each.goes_on for each in moves(step)):
            return index + 1
    return None


def ways_in(script: Script) -> dict[str, frozenset[WayIn]]:
    """For each scene, how it can be reached; empty for a scene that never plays."""
    ways = {name: frozenset(map(way_of, scene.triggers)) for name, scene in script.scenes.items()}
    pending = list(script.scenes)
    while pending:
        name = pending.pop()
        for edge in edges(script.scenes[name]):
            if edge.target in ways and not ways[name] <= ways[edge.target]:
                ways[edge.target] |= ways[name]
                pending.append(edge.target)
    return ways


def way_of(trigger: Trigger) -> WayIn:
    """What a trigger brings into its scene."""
    match trigger:
        case EveryTrigger() | AtTrigger():
            return WayIn(frozenset())
        case JoinedTrigger():
            return WayIn(SENDER_NAMES)
        case _:
            return WayIn(MESSAGE_NAMES, groups_offered(trigger))


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
