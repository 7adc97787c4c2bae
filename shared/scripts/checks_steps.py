"""What the conditions and steps of a scene can have wrong: targets, chats, names, and texts.

Two of the checks of `checks`. What a text may ask for depends on how its scene can be reached: only what
every way in brings is known there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.scripts.checks_chats import check_listed, check_one_chat
from shared.scripts.conditions import ChatCondition, ExprCondition
from shared.scripts.errors import Finding, Path, nearest, shortened
from shared.scripts.flow import MESSAGE_NAMES, WayIn, way_of, ways_in
from shared.scripts.model import Script
from shared.scripts.steps import (
    ChooseStep,
    GotoStep,
    ReactStep,
    ReplyStep,
    SendStep,
    SetStep,
    SimpleStep,
    Step,
)
from shared.scripts.templates import TextRefused, compile_text


@dataclass(frozen=True, slots=True)
class _Known:
    """What texts can ask for at one place; `groups` is None where nothing says which there are."""

    variables: frozenset[str]
    message: frozenset[str]
    groups: frozenset[str] | None
    answerable: bool


def _known(script: Script, ways: Iterable[WayIn]) -> _Known:
    all_ways = list(ways)
    return _Known(
        variables=frozenset(script.variables) | frozenset(script.account_variables),
        message=MESSAGE_NAMES.intersection(*(way.names for way in all_ways)),
        groups=frozenset.intersection(*(way.groups for way in all_ways)) if all_ways else None,
        answerable=all(way.answerable for way in all_ways),
    )


def check_conditions(script: Script) -> Iterator[Finding]:
    """Conditions that can never hold, or that nobody asks."""
    for name, scene in script.scenes.items():
        known = _known(script, map(way_of, scene.triggers))
        if scene.conditions and not scene.triggers:
            message = "conditions are asked when a trigger happens, and this scene has none"
            yield Finding(("scenes", name, "conditions"), message, "use when beside its steps", at_key=True)
        for index, condition in enumerate(scene.conditions):
            path: Path = ("scenes", name, "conditions", index)
            if isinstance(condition, ExprCondition):
                yield from _text(condition.expr, (*path, "expr"), known)
            if isinstance(condition, ChatCondition):
                yield from check_listed(script, condition.chat, (*path, "chat"))
        if len({each.chat for each in scene.chat_conditions}) > 1:
            message = "nothing happens in two chats at once"
            yield Finding(("scenes", name, "conditions"), message, "write a scene for each chat", at_key=True)


def check_steps(script: Script) -> Iterator[Finding]:
    """Steps that lead nowhere, speak where they may not, or ask for what is not known there."""
    ways = ways_in(script)
    for name, scene in script.scenes.items():
        known = _known(script, ways[name])
        for index, step in enumerate(scene.steps):
            path: Path = ("scenes", name, "steps", index)
            if isinstance(step, ChooseStep) and step.when is not None:
                yield from _text(step.when, (*path, "when"), known)
            for option_path, option in _options(step, path):
                yield from _option(script, option, option_path, known)


def _options(step: Step, path: Path) -> Iterator[tuple[Path, SimpleStep]]:
    if isinstance(step, ChooseStep):
        for index, option in enumerate(step.choose):
            yield (*path, "choose", index), option
    else:
        yield path, step


def _option(script: Script, step: SimpleStep, path: Path, known: _Known) -> Iterator[Finding]:
    if isinstance(step, ReplyStep | ReactStep) and not known.answerable:
        what = "reply to" if isinstance(step, ReplyStep) else "react to"
        hint = "time can bring the conversation here, without a message"
        yield Finding(path, f"there is no message to {what}", f"use send: {hint}" if what == "reply to" else hint)
    if isinstance(step, GotoStep) and step.goto not in script.scenes:
        message = f"there is no scene {step.goto!r}"
        yield Finding((*path, "goto"), message, nearest(step.goto, script.scenes))
    if isinstance(step, SendStep) and step.send.chat is not None:
        yield from check_one_chat(script, step.send.chat, (*path, "send", "chat"))
    if isinstance(step, SetStep):
        for name in step.set:
            if name not in known.variables:
                hint = nearest(name, known.variables) or "declare it under variables"
                yield Finding((*path, "set", name), f"there is no variable {name}", hint, at_key=True)
    for text_path, text in _texts(step, path):
        yield from _text(text, text_path, known)


def _texts(step: SimpleStep, path: Path) -> Iterator[tuple[Path, str]]:
    if step.when is not None:
        yield (*path, "when"), step.when
    match step:
        case ReplyStep(reply=text):
            yield (*path, "reply"), text
        case SendStep(send=speech):
            yield (*path, "send", "text"), speech.text
        case SetStep(set=values):
            for name, value in values.items():
                if isinstance(value, str):
                    yield (*path, "set", name), value


def _text(source: str, path: Path, known: _Known) -> Iterator[Finding]:
    text = compile_text(source)
    if isinstance(text, TextRefused):
        yield Finding(path, text.message)
        return
    valid = known.variables | known.message
    for name in sorted(text.names - valid):
        if name in MESSAGE_NAMES:
            yield Finding(path, f"{name} is not known here", _why_unknown(known))
        else:
            yield Finding(path, f"there is no variable {shortened(name)}", nearest(name, valid))
    if known.groups is not None and "match" in known.message:
        for group in sorted(text.groups - known.groups):
            message = f"match.{group} is not found by every trigger that leads here"
            yield Finding(path, message, nearest(group, known.groups))


def _why_unknown(known: _Known) -> str:
    if known.answerable:
        return "somebody who joins has not said anything"
    return "time can bring the conversation here, without a message"
