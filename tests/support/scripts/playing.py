"""Takes a generated script through everything that happens to a script, and holds what must hold.

Used by the short run of the unit tests and by the long one of the simulation. Raises AssertionError.
"""

import json
import random
from collections import defaultdict
from typing import Any

import jsonschema

from shared.scripts import (
    Effect,
    Engine,
    Fault,
    Incoming,
    Newcomer,
    Script,
    ScriptProblems,
    SendText,
    may_speak_in,
    parse_script,
    run_tests,
)
from shared.scripts.parse import judge_document
from shared.scripts.patterns import compile_pattern
from shared.scripts.source import Document, read_document
from shared.scripts.templates import compile_text
from tests.support.scripts.generated import Moment
from tests.support.scripts.rows import Rows
from tools.script_schema import script_schema

# Monday, 2 March 2026, 12:00 in UTC.
NOON = 1_772_452_800.0
VALIDATOR = jsonschema.Draft202012Validator(script_schema())


def verdict_on(document: Any) -> Script | ScriptProblems:
    """The check's verdict, which is also the node's. Reading takes most of the time, so it is done once for both."""
    text = json.dumps(document, ensure_ascii=False)
    read = read_document(text)
    outcome = judge_document(read) if isinstance(read, Document) else parse_script(text)
    assert not isinstance(read, Document) or judge_document(read) == outcome
    if isinstance(outcome, ScriptProblems):
        assert outcome.problems
        assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in outcome.problems)
    return outcome


def fits_the_schema(document: Any) -> bool:
    """Whether an editor would find nothing wrong with it."""
    return bool(VALIDATOR.is_valid(document))


def forget_everything_compiled() -> None:
    """From now on all is as it is on a node that has just started."""
    compile_text.cache_clear()
    compile_pattern.cache_clear()


def play(script: Script, moments: list[Moment], seed: int) -> None:
    """Its tests run; it plays; and an engine that is restored all the time does what one does that never stops."""
    assert [outcome.name for outcome in run_tests(script)] == [test.name for test in script.tests]
    steady, dice, rows = Engine(script, random.Random(seed)), random.Random(seed), Rows()
    now = NOON
    for moment in moments:
        now += moment[-1]
        restored = Engine(script, dice, rows.state())
        assert not restored.take_changes() or not rows.conversations
        effects = happen(steady, moment, now)
        assert happen(restored, moment, now) == effects
        assert restored.next_wake() == steady.next_wake()
        rows.write(restored.take_changes())
        _hold(script, effects)


def happen(engine: Engine, moment: Moment, now: float) -> list[Effect]:
    """What is due by now, and then what happens now."""
    kind, text, sender, chat, _ = moment
    effects: list[Effect] = []
    for _ in range(50):
        wake = engine.next_wake()
        if wake is None or wake > now:
            break
        effects += engine.on_time(now)
    if kind == "joined":
        return effects + engine.on_joined(Newcomer(chat, f"G{sender}", sender, 7), now)
    said = Incoming(chat, f"G{sender}", sender, text, 8, mentions_me=kind == "mention", answers_me=kind == "reply")
    return effects + engine.on_message(said, now)


def _hold(script: Script, effects: list[Effect]) -> None:
    for effect in effects:
        assert may_speak_in(script.chats, effect.chat)
        if isinstance(effect, SendText):
            assert 0 < len(effect.text) <= 4096
            assert effect.reply_to in (None, 7, 8)
        if isinstance(effect, Fault):
            assert effect.message
            assert "steps without a wait" not in effect.message


def keeps_its_pace(script: Script, moment: Moment, seed: int) -> None:
    """After one thing has happened, no minute sees more than the limits let through."""
    engine = Engine(script, random.Random(seed))
    said: dict[str, list[float]] = defaultdict(list)
    now, effects = NOON, happen(engine, moment, NOON)
    for _ in range(60):
        for effect in effects:
            if not isinstance(effect, Fault):
                said["all"].append(now)
            if isinstance(effect, SendText):
                said[effect.chat].append(now)
        wake = engine.next_wake()
        if wake is None:
            break
        now = max(now, wake)
        effects = engine.on_time(now)
    for chat, times in said.items():
        limits = script.limits
        limit = limits.per_account_per_minute if chat == "all" else limits.per_chat_per_minute
        assert max(sum(begin <= time < begin + 60 for time in times) for begin in times) <= limit
