"""Which triggers a message or a newcomer fits.

Pure; called by the engine for each scene in the order of the script, and by whoever wants to show why a
scene did not begin. Letter case never matters. What a trigger found becomes `match` in the scene's texts.
"""

import re
from dataclasses import dataclass

from shared.scripts.effects import Incoming, Newcomer
from shared.scripts.model import Script
from shared.scripts.patterns import Pattern, PatternRefused, compile_pattern
from shared.scripts.triggers import (
    CommandTrigger,
    JoinedTrigger,
    MentionTrigger,
    MessageTrigger,
    ReplyTrigger,
    Trigger,
    Wording,
)

Happening = Incoming | Newcomer

_WHOLE = frozenset({"0"})
# A name in the text of a mention, with what separates it from the rest: "@desk, help" asks for "help".
_NAMED = re.compile(r"(?<![^\s])@[A-Za-z][A-Za-z0-9_]{3,31}[,:]?(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Matched:
    """The scene that begins if its conditions hold, the index of its trigger, and the match groups by name."""

    scene: str
    trigger: int
    groups: dict[str, str]


@dataclass(frozen=True, slots=True)
class NotMatched:
    """No scene of the script answers this."""


def first_match(script: Script, happening: Happening) -> Matched | NotMatched:
    """The first scene with a trigger that fits, whatever its conditions say."""
    for name, scene in script.scenes.items():
        for index, trigger in enumerate(scene.triggers):
            groups = groups_found(trigger, happening)
            if groups is not None:
                return Matched(name, index, groups)
    return NotMatched()


def groups_found(trigger: Trigger, happening: Happening) -> dict[str, str] | None:
    """The match groups by name when the trigger fits; None when it does not."""
    match trigger, happening:
        case CommandTrigger(command=command), Incoming(text=text):
            return _command(command, text)
        case MessageTrigger(message=wanted), Incoming(text=text):
            return _worded(wanted, text)
        case MentionTrigger(mention=wanted), Incoming(text=text, mentions_me=True):
            return _worded(wanted, without_names(text))
        case ReplyTrigger(reply=wanted), Incoming(text=text, answers_me=True):
            return _worded(wanted, text)
        case JoinedTrigger(joined=place), Newcomer(chat=chat):
            return {} if place.chat in (None, chat) else None
        case _:
            return None


def groups_offered(trigger: Trigger) -> frozenset[str]:
    """The names of the groups that a match of this trigger always has."""
    match trigger:
        case CommandTrigger():
            return _WHOLE | {"args"}
        case MessageTrigger(message=wanted) | MentionTrigger(mention=wanted) | ReplyTrigger(reply=wanted):
            return pattern_of(wanted.pattern).groups if wanted.pattern is not None else _WHOLE
        case _:
            return frozenset()


def wording_of(trigger: Trigger) -> Wording | None:
    """How a trigger compares texts; None for those that do not."""
    match trigger:
        case MessageTrigger(message=wanted) | MentionTrigger(mention=wanted) | ReplyTrigger(reply=wanted):
            return wanted
        case _:
            return None


def folded(text: str) -> str:
    """A whole message as it is compared: letter case and white space around it do not matter."""
    return text.strip().casefold()


def without_names(text: str) -> str:
    """A text without the `@names` that stand in it alone."""
    return " ".join(_NAMED.sub(" ", text).split()) if "@" in text else text


def pattern_of(source: str) -> Pattern:
    """The compiled pattern of an accepted script."""
    outcome = compile_pattern(source)
    if isinstance(outcome, PatternRefused):
        raise AssertionError("a script with a refused pattern cannot be made: its model refuses it")
    return outcome


def _command(command: str, text: str) -> dict[str, str] | None:
    """`/price tea` begins `/price`. `/price@someone` does not: it is for the account named."""
    word, *rest = text.split(maxsplit=1) or [""]
    if word.casefold() != command.casefold():
        return None
    return {"0": word, "args": rest[0].strip() if rest else ""}


def _worded(wanted: Wording, text: str) -> dict[str, str] | None:
    if wanted.pattern is not None:
        return pattern_of(wanted.pattern).search(text)
    if wanted.text is not None:
        return {"0": text.strip()} if folded(text) == folded(wanted.text) else None
    if wanted.contains is not None:
        return {"0": wanted.contains} if wanted.contains.casefold() in text.casefold() else None
    return {"0": text.strip()}
