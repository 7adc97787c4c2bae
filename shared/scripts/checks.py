"""What a script of the right shape can still have wrong.

Called by `parse_script` after the models have accepted the document. Each check is a generator of
findings; a script is loaded when none of them has anything to say. The engine relies on what is refused
here: every goto has a target, every text compiles, no loop runs without a wait.
"""

from collections.abc import Iterator

from shared.scripts.chats import PRIVATE
from shared.scripts.dialogue import ExpectLine, GuestLine
from shared.scripts.errors import Finding, Path, nearest, shortened
from shared.scripts.flow import WayIn, edges, restless_loops, steps_never_reached, ways_in
from shared.scripts.matching import same_message
from shared.scripts.model import Script
from shared.scripts.steps import GotoStep, ReplyStep, SendStep, SetStep, Step
from shared.scripts.templates import TextRefused, compile_text
from shared.scripts.triggers import EveryTrigger

MESSAGE_NAMES = frozenset({"sender", "text", "match"})
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
    checks = (_variables, _scenes, _loops, _triggers, _steps, _tests)
    return [finding for check in checks for finding in check(script)]


def _variables(script: Script) -> Iterator[Finding]:
    for name in script.variables:
        if name in _RESERVED:
            yield Finding(("variables", name), f"{name} has a meaning of its own", "rename it", at_key=True)


def _scenes(script: Script) -> Iterator[Finding]:
    ways = ways_in(script)
    for name, scene in script.scenes.items():
        if not ways[name]:
            hint = "give it a trigger, or a goto from a scene that plays"
            yield Finding(("scenes", name), f"the scene {name} never plays", hint, at_key=True)
        lost = steps_never_reached(scene)
        if lost is not None:
            yield Finding(("scenes", name, "steps", lost), "this step is never reached", "remove it")
        for index, step in enumerate(scene.steps):
            if isinstance(step, GotoStep) and step.goto not in script.scenes:
                path: Path = ("scenes", name, "steps", index, "goto")
                yield Finding(path, f"there is no scene {step.goto!r}", nearest(step.goto, script.scenes))


def _loops(script: Script) -> Iterator[Finding]:
    for circle in restless_loops(script):
        step = edges(script.scenes[circle[0]])[0].step
        route = " → ".join((*circle, circle[0]))
        hint = "put a wait of at least 1s before the goto"
        yield Finding(("scenes", circle[0], "steps", step), f"a loop that never waits: {route}", hint)


def _triggers(script: Script) -> Iterator[Finding]:
    seen: list[tuple[str, object]] = []
    for name, scene in script.scenes.items():
        for index, trigger in enumerate(scene.triggers):
            path = ("scenes", name, "triggers", index)
            if isinstance(trigger, EveryTrigger):
                yield from _every(script, trigger, path)
                continue
            for other, earlier in seen:
                if same_message(earlier, trigger):
                    yield Finding(path, f"the scene {other} already answers this", "remove one of them")
                    break
            seen.append((name, trigger))


def _every(script: Script, trigger: EveryTrigger, path: Path) -> Iterator[Finding]:
    chat = trigger.every.chat
    if chat is not None:
        yield from _chat(script, chat, (*path, "every", "chat"))
    elif set(script.chats) == {PRIVATE}:
        yield Finding(path, "every has no chat to speak in", "private is nobody in particular: list a chat")


def _chat(script: Script, chat: str, path: Path) -> Iterator[Finding]:
    if chat == PRIVATE:
        yield Finding(path, "private is nobody in particular", "name one chat, or leave the chat out")
    elif chat not in script.chats:
        yield Finding(path, f"{chat} is not one of the script's chats", nearest(chat, script.chats))


def _steps(script: Script) -> Iterator[Finding]:
    ways = ways_in(script)
    for name, scene in script.scenes.items():
        for index, step in enumerate(scene.steps):
            path: Path = ("scenes", name, "steps", index)
            if isinstance(step, ReplyStep) and not all(way.has_message for way in ways[name]):
                hint = "use send: time can bring the conversation here, without a message"
                yield Finding(path, "there is no message to reply to", hint)
            if isinstance(step, SendStep) and step.send.chat is not None:
                yield from _chat(script, step.send.chat, (*path, "send", "chat"))
            if isinstance(step, SetStep):
                yield from _assigned(script, step, path)
            for text_path, text in _texts(step, path):
                yield from _text(script, text, text_path, ways[name])


def _assigned(script: Script, step: SetStep, path: Path) -> Iterator[Finding]:
    for name in step.set:
        if name not in script.variables:
            hint = nearest(name, script.variables) or "declare it under variables"
            yield Finding((*path, "set", name), f"there is no variable {name}", hint, at_key=True)


def _texts(step: Step, path: Path) -> Iterator[tuple[Path, str]]:
    match step:
        case ReplyStep(reply=text):
            yield (*path, "reply"), text
        case SendStep(send=speech):
            yield (*path, "send", "text"), speech.text
        case SetStep(set=values):
            for name, value in values.items():
                if isinstance(value, str):
                    yield (*path, "set", name), value


def _text(script: Script, source: str, path: Path, ways: frozenset[WayIn]) -> Iterator[Finding]:
    text = compile_text(source)
    if isinstance(text, TextRefused):
        yield Finding(path, text.message)
        return
    with_message = all(way.has_message for way in ways)
    valid = frozenset(script.variables) | (MESSAGE_NAMES if with_message else frozenset())
    for name in sorted(text.names - valid):
        if name in MESSAGE_NAMES:
            hint = "time can bring the conversation here, without a message"
            yield Finding(path, f"{name} is not known here", hint)
        else:
            yield Finding(path, f"there is no variable {shortened(name)}", nearest(name, valid))
    if with_message and ways:
        offered = frozenset.intersection(*(way.groups for way in ways))
        for group in sorted(text.groups - offered):
            message = f"match.{group} is not found by every trigger that leads here"
            yield Finding(path, message, nearest(group, offered))


def _tests(script: Script) -> Iterator[Finding]:
    names = [test.name for test in script.tests]
    for number, test in enumerate(script.tests):
        if test.name in names[:number]:
            yield Finding(("tests", number, "name"), f"two tests are called {shortened(test.name)}", "rename one")
        for index, line in enumerate(test.dialogue):
            path: Path = ("tests", number, "dialogue", index, "chat")
            chat = line.chat if isinstance(line, GuestLine | ExpectLine) else None
            if chat is not None and chat not in script.chats:
                yield Finding(path, f"{chat} is not one of the script's chats", nearest(chat, script.chats))
