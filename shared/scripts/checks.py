"""What a script of the right shape can still have wrong.

Called by `parse_script` after the models have accepted the document. Each check is a generator of
findings; a script is loaded when none of them has anything to say. The engine relies on what is refused
here: every goto has a target, every text compiles, no loop runs without a wait.
"""

from collections.abc import Iterator

from shared.scripts.checks_chats import check_one_chat
from shared.scripts.checks_pace import check_pace
from shared.scripts.checks_steps import check_conditions, check_steps
from shared.scripts.checks_tests import check_tests
from shared.scripts.errors import Finding, Path
from shared.scripts.flow import MESSAGE_NAMES, edges, restless_loops, steps_never_reached, ways_in
from shared.scripts.matching import pattern_of, wording_of
from shared.scripts.model import Scene, Script
from shared.scripts.patterns import MAX_SIZE_OF_ALL
from shared.scripts.reach import Reach, reach_of
from shared.scripts.timetable import chats_of
from shared.scripts.triggers import Trigger, place_of

_RESERVED = MESSAGE_NAMES | frozenset(
    [
        "loop",
        "range",
        "self",
        "super",
        "caller",
        "varargs",
        "kwargs",
        "true",
        "false",
        "none",
        "and",
        "or",
        "not",
        "in",
        "is",
        "if",
        "else",
        "for",
    ]
)


def check_script(script: Script) -> list[Finding]:
    """Everything that keeps a well-formed script from being loaded; empty when it may be."""
    checks = (_variables, _scenes, _loops, _triggers, _patterns, check_conditions, check_steps, check_tests)
    found = [finding for check in checks for finding in check(script)]
    # Rates mean nothing while steps lead nowhere, or round and round.
    return found or list(check_pace(script))


def _variables(script: Script) -> Iterator[Finding]:
    for field, names in (("variables", script.variables), ("account_variables", script.account_variables)):
        for name in names:
            if name in _RESERVED:
                yield Finding((field, name), f"{name} has a meaning of its own", "rename it", at_key=True)
    for name in script.account_variables:
        if name in script.variables:
            yield Finding(("account_variables", name), f"{name} is also under variables", "rename one", at_key=True)


def _scenes(script: Script) -> Iterator[Finding]:
    ways = ways_in(script)
    for name, scene in script.scenes.items():
        if not ways[name]:
            hint = "give it a trigger, or a goto from a scene that plays"
            yield Finding(("scenes", name), f"the scene {name} never plays", hint, at_key=True)
        lost = steps_never_reached(scene)
        if lost is not None:
            hint = "remove it, or give the step before it a when"
            yield Finding(("scenes", name, "steps", lost), "this step is never reached", hint)


def _loops(script: Script) -> Iterator[Finding]:
    for circle in restless_loops(script):
        following = circle[1] if len(circle) > 1 else circle[0]
        step = next(edge.step for edge in edges(script.scenes[circle[0]]) if edge.target == following)
        route = " → ".join((*circle, circle[0]))
        hint = "put a wait of at least 1s, without a when, before the goto"
        yield Finding(("scenes", circle[0], "steps", step), f"a loop that never waits: {route}", hint)


def _triggers(script: Script) -> Iterator[Finding]:
    seen: list[tuple[str, Reach]] = []
    for name, scene in script.scenes.items():
        for index, trigger in enumerate(scene.triggers):
            path = ("scenes", name, "triggers", index)
            yield from _place(script, scene, trigger, path)
            reach = reach_of(trigger)
            if reach is None:
                continue
            taken = next((other for other, earlier in seen if earlier.covers(reach)), None)
            if taken is not None:
                yield Finding(path, f"the scene {taken} already answers this", "remove one of them")
            # What an earlier scene's conditions let through can still begin a later one.
            if not scene.conditions:
                seen.append((name, reach))


def _place(script: Script, scene: Scene, trigger: Trigger, path: Path) -> Iterator[Finding]:
    place = place_of(trigger)
    kind = next(iter(type(trigger).model_fields))
    if place is not None and place.chat is not None:
        yield from check_one_chat(script, place.chat, (*path, kind, "chat"))
    elif not chats_of(script, trigger):
        yield Finding(path, f"{kind} has no chat to speak in", "private is nobody in particular: list a chat")
    for condition in scene.chat_conditions:
        if condition.chat in script.chats and condition.chat not in chats_of(script, trigger):
            hint = "change the chat condition, or the trigger's chat"
            yield Finding(path, f"this never happens in {condition.chat}, the only chat of the conditions", hint)


def _patterns(script: Script) -> Iterator[Finding]:
    size = 0
    for name, scene in script.scenes.items():
        for index, trigger in enumerate(scene.triggers):
            wanted = wording_of(trigger)
            if wanted is None or wanted.pattern is None:
                continue
            size += pattern_of(wanted.pattern).size
            if size > MAX_SIZE_OF_ALL:
                message = f"the patterns of the script are too large together: more than {MAX_SIZE_OF_ALL} parts"
                yield Finding(("scenes", name, "triggers", index), message, "use smaller counts, or fewer patterns")
                return
