"""Makes a test of what was tried: the YAML to put under a script's `tests`, which passes with the script as it is now.

The deeds are played again, for a test has dice of its own and the script may have been reloaded since. A seed is looked
for with which the dice fall as they did here. Whatever the check or the rehearsal would refuse is told, not printed.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from services.cli.chat.trial import Deed, Joined, Said, Waited
from shared.scripts import Script, ScriptProblem, run_tests
from shared.scripts.checks import check_script
from shared.scripts.dialogue import GUEST, ScriptTest
from shared.scripts.durations import format_duration, parse_duration
from shared.scripts.effects import React, SendText
from shared.scripts.rehearsal import MAX_WAKES, NOON, Rehearsal, described
from shared.scripts.source import read_document
from shared.scripts.steps import MAX_WAIT

# Enough for a script that chooses among a handful of things a few times; each is a replay, of milliseconds to a tenth
# of a second.
MOST_SEEDS = 50

Line = dict[str, Any]


@dataclass(frozen=True)
class SavedTest:
    """A test as YAML. `as_seen` is false when the dice of no test fell as they had here."""

    yaml: str
    as_seen: bool


@dataclass(frozen=True)
class NotSaved:
    """Why these deeds make no test."""

    why: str


class _TooLong(Exception):
    """More happens in these deeds than a test can show."""


@dataclass(frozen=True)
class _Replay:
    dialogue: list[Line]
    said: list[str]


def saved(
    script: Script, name: str, clock: datetime, deeds: Sequence[Deed], said: Sequence[str]
) -> SavedTest | NotSaved:
    """The test that does these deeds; `said` is what the account did when they were done first."""
    try:
        seed, replay = _as_it_was(script, name, clock, deeds, list(said))
    except _TooLong:
        return NotSaved(f"more than {MAX_WAKES} things happen in it: begin anew with :restart and let less time pass")
    return _checked(script, _written(name, clock, seed, replay), as_seen=replay.said == list(said))


def _as_it_was(
    script: Script, name: str, clock: datetime, deeds: Sequence[Deed], said: list[str]
) -> tuple[int | None, _Replay]:
    """The replay in which the account does the same, with its seed; without such a one that of no seed."""
    first = _played(script, name, clock, deeds)
    if first.said == said:
        return None, first
    for seed in range(MOST_SEEDS):
        replay = _played(script, f"{name} {seed}", clock, deeds)
        if replay.said == said:
            return seed, replay
    return None, first


def _played(script: Script, seed: str, clock: datetime, deeds: Sequence[Deed]) -> _Replay:
    rehearsal = Rehearsal(script, seed, clock)
    names = {deed.name for deed in deeds if isinstance(deed, Said | Joined)}
    dialogue: list[Line] = []
    said: list[str] = []
    for number, deed in enumerate(deeds):
        for line in _done(script, rehearsal, deed):
            _add(dialogue, line)
        heard = list(rehearsal.unheard)
        rehearsal.unheard.clear()
        said += map(described, heard)
        dialogue += [_expected(script, rehearsal, effect, names) for effect in heard]
        if not heard and (isinstance(deed, Said) or number == len(deeds) - 1):
            dialogue.append({"expect_nothing": True})
    return _Replay(dialogue, said)


def _add(dialogue: list[Line], line: Line) -> None:
    """Waits in which nothing was seen are one wait."""
    if "wait" in line and dialogue and "wait" in dialogue[-1]:
        together = parse_duration(dialogue[-1]["wait"]) + parse_duration(line["wait"])
        if together <= MAX_WAIT:
            dialogue[-1] = {"wait": format_duration(together)}
            return
    dialogue.append(line)


def _done(script: Script, rehearsal: Rehearsal, deed: Deed) -> Iterator[Line]:
    """Does it, and gives the lines that do it in a test."""
    match deed:
        case Said(text=text, name=name, chat=chat, mentions=mentions, replies=replies):
            rehearsal.happens(rehearsal.guest(text, name, chat, mentions=mentions, replies=replies))
            marks = {"mentions": mentions, "replies": replies}
            yield {
                "guest": _lines(text),
                **({"as": name} if name != GUEST else {}),
                **_chat(script, chat),
                **{mark: True for mark, given in marks.items() if given},
            }
        case Joined(name=name, chat=chat):
            rehearsal.happens(rehearsal.newcomer(name, chat))
            yield {"joins": name, **_chat(script, chat)}
        case Waited(seconds=seconds):
            left = _told(seconds)
            if not rehearsal.pass_time(left):
                raise _TooLong
            while left > 0:
                yield {"wait": format_duration(min(left, MAX_WAIT))}
                left -= MAX_WAIT


def _expected(script: Script, rehearsal: Rehearsal, effect: SendText | React, names: set[str]) -> Line:
    kind, text = ("expect", _lines(effect.text)) if isinstance(effect, SendText) else ("expect_reaction", effect.emoji)
    to = rehearsal.author_of(effect.reply_to if isinstance(effect, SendText) else effect.message_id)
    # Where there is one chat or one guest, saying which would only be noise.
    where = {"chat": effect.chat.split(":")[0]} if len(script.chats) > 1 else {}
    return {kind: text, **where, **({"to": to} if to and len(names) > 1 else {})}


def _chat(script: Script, chat: str) -> Line:
    return {"chat": chat} if chat != script.chats[0] else {}


def _told(seconds: float) -> float:
    """What dice have made goes up to the next second: a wait of 2.71828 s tells nobody anything."""
    return seconds if math.isclose(seconds, round(seconds, 3), abs_tol=1e-5) else float(math.ceil(seconds))


def _lines(text: str) -> str:
    """Several lines are written as such where YAML gives them back as they are."""
    lines = text.split("\n")
    plain = all(line == line.strip() and line.isprintable() for line in lines) and lines[-1] and lines[0]
    return LiteralScalarString(text) if len(lines) > 1 and plain else text


def _written(name: str, clock: datetime, seed: int | None, replay: _Replay) -> Line:
    return {
        "name": name,
        **({"clock": f"{clock:%Y-%m-%d %H:%M}"} if clock != NOON else {}),
        **({"seed": seed} if seed is not None else {}),
        "dialogue": replay.dialogue,
    }


def _checked(script: Script, test: Line, *, as_seen: bool) -> SavedTest | NotSaved:
    """The test as YAML, once it was read back from there, the check has accepted it, and it has passed."""
    text = _yaml(test)
    document = read_document(f"tests:\n{text}")
    if isinstance(document, ScriptProblem):
        return NotSaved(document.message)
    try:
        model = ScriptTest.model_validate(document.value_at(("tests", 0)))
    except ValidationError as error:
        return NotSaved("; ".join(str(one["msg"]) for one in error.errors(include_url=False)[:3]))
    findings = check_script(script.model_copy(update={"tests": (*script.tests, model)}))
    refused = [finding for finding in findings if finding.path[:2] == ("tests", len(script.tests))]
    if refused:
        return NotSaved(refused[0].message)
    (outcome,) = run_tests(script.model_copy(update={"tests": (model,)}))
    return SavedTest(text, as_seen) if outcome.passed else NotSaved(outcome.difference)


def _yaml(test: Line) -> str:
    """The test as an item of a list, indented as it stands under `tests:`."""
    writer = YAML()
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = 4096
    text = StringIO()
    writer.dump({"tests": [test]}, text)
    return text.getvalue().removeprefix("tests:\n")
