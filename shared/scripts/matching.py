"""Which scene a message begins: the first, in the order of the script, with a trigger that matches.

Pure; called by the engine for each message, and by whoever wants to show why a scene did not begin.
Letter case never matters. What a trigger found becomes `match` in the scene's texts.
"""

from dataclasses import dataclass

from shared.scripts.model import Script
from shared.scripts.patterns import Pattern, PatternRefused, compile_pattern
from shared.scripts.triggers import CommandTrigger, MessageMatch, MessageTrigger

_WHOLE = frozenset({"0"})


@dataclass(frozen=True, slots=True)
class Matched:
    """The scene that begins, the index of its trigger, and the match groups by name."""

    scene: str
    trigger: int
    groups: dict[str, str]


@dataclass(frozen=True, slots=True)
class NotMatched:
    """No scene of the script answers this message."""


def match_message(script: Script, text: str) -> Matched | NotMatched:
    """The first scene that answers `text`."""
    for name, scene in script.scenes.items():
        for index, trigger in enumerate(scene.triggers):
            groups = _groups(trigger, text)
            if groups is not None:
                return Matched(name, index, groups)
    return NotMatched()


def groups_offered(trigger: object) -> frozenset[str]:
    """The names of the groups that a match of this trigger always has."""
    match trigger:
        case CommandTrigger():
            return _WHOLE | {"args"}
        case MessageTrigger(message=MessageMatch(pattern=str(pattern))):
            return _usable(pattern).groups
        case MessageTrigger():
            return _WHOLE
        case _:
            return frozenset()


def same_message(first: object, second: object) -> bool:
    """Whether two triggers answer exactly the same messages, so that the second never begins its scene."""
    match first, second:
        case CommandTrigger(command=one), CommandTrigger(command=other):
            return one.casefold() == other.casefold()
        case MessageTrigger(message=wanted), MessageTrigger(message=also):
            return _folded(wanted) == _folded(also)
        case _:
            return False


def _folded(wanted: MessageMatch) -> tuple[str | None, str | None, str | None]:
    text = wanted.text.strip().casefold() if wanted.text is not None else None
    contains = wanted.contains.casefold() if wanted.contains is not None else None
    return text, contains, wanted.pattern


def _groups(trigger: object, text: str) -> dict[str, str] | None:
    match trigger:
        case CommandTrigger(command=command):
            return _command(command, text)
        case MessageTrigger(message=wanted):
            return _message(wanted, text)
        case _:
            return None


def _command(command: str, text: str) -> dict[str, str] | None:
    """`/price tea` begins `/price`. `/price@someone` does not: it is for the account named."""
    word, *rest = text.split(maxsplit=1) or [""]
    if word.casefold() != command.casefold():
        return None
    return {"0": word, "args": rest[0].strip() if rest else ""}


def _message(wanted: MessageMatch, text: str) -> dict[str, str] | None:
    if wanted.pattern is not None:
        return _usable(wanted.pattern).search(text)
    if wanted.text is not None:
        return {"0": text.strip()} if text.strip().casefold() == wanted.text.strip().casefold() else None
    if wanted.contains is not None:
        return {"0": wanted.contains} if wanted.contains.casefold() in text.casefold() else None
    return None


def _usable(source: str) -> Pattern:
    outcome = compile_pattern(source)
    if isinstance(outcome, PatternRefused):
        raise AssertionError("a script with a refused pattern cannot be made: its model refuses it")
    return outcome
