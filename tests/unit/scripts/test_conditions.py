"""Conditions: a scene begins only when all of them hold, else the message goes on to the next scene."""

import random
from collections.abc import Callable

import pytest

from shared.scripts import Effect, Engine, Fault, Incoming, SendText
from shared.scripts.almanac import moment_in, parse_moment, zone
from tests.support.scripts.rows import Rows
from tests.unit.scripts.conftest import Parsed, kept

Make = Callable[[str], Engine]
Say = Callable[..., Incoming]

SCRIPT = """\
timezone: Asia/Taipei
variables: {visits: 0}
account_variables: {open: true}
scenes:
  special:
    triggers: [{message: {pattern: "hi( \\\\w+)?"}}, {every: {interval: 1h, chat: "@hall_one"}}]
    conditions: [CONDITIONS]
    steps: [{send: special}, {set: {visits: "{{ visits + 1 }}"}}]
  usual:
    triggers: [{message: {contains: hi}}]
    steps: [{send: usual}]
"""


def _with(conditions: str) -> str:
    return SCRIPT.replace("CONDITIONS", conditions)


def _texts(effects: list[Effect]) -> list[str]:
    return [effect.text if isinstance(effect, SendText) else f"FAULT {effect}" for effect in effects]


def _taipei(text: str) -> float:
    return moment_in(parse_moment(text), zone("Asia/Taipei"))


NOON = _taipei("2026-03-02 12:00")


@pytest.mark.parametrize(
    ("conditions", "now", "special"),
    [
        ('{expr: "{{ visits == 0 }}"}', "2026-03-02 12:00", True),
        ('{expr: "{{ visits }}"}', "2026-03-02 12:00", False),
        ('{expr: "{{ open and not visits }}"}', "2026-03-02 12:00", True),
        ('{hours: ["09:00", "18:00"]}', "2026-03-02 12:00", True),
        ('{hours: ["09:00", "18:00"]}', "2026-03-02 18:00", False),
        ('{hours: ["22:00", "06:00"]}', "2026-03-02 01:00", True),
        ("{days: [mon, tue]}", "2026-03-02 00:00", True),
        ("{days: [mon, tue]}", "2026-03-01 23:59", False),
        ('{chat: "@hall_one"}', "2026-03-02 12:00", True),
        ('{days: [mon]}, {hours: ["09:00", "18:00"]}', "2026-03-02 12:00", True),
        ('{days: [mon]}, {hours: ["09:00", "18:00"]}', "2026-03-02 20:00", False),
    ],
)
def test_a_scene_begins_when_all_conditions_hold(
    engine: Make, said: Say, conditions: str, now: str, special: bool
) -> None:
    """A desk would speak when it is closed, or not when it is open; or a guest would get no answer at all."""
    answer = ["special" if special else "usual"]
    assert _texts(engine(_with(conditions)).on_message(said("hi"), _taipei(now))) == answer


def test_a_chat_condition_binds_the_scene_to_one_chat(parsed: Parsed, engine: Make, said: Say) -> None:
    """A scene for the team would answer guests."""
    body = _with("{chat: private}").replace(', {every: {interval: 1h, chat: "@hall_one"}}', "")
    assert _texts(engine(body).on_message(said("hi"), NOON)) == ["usual"]
    assert _texts(engine(body).on_message(said("hi", chat="private:5", sender_id=5), NOON)) == ["special"]


def test_an_expression_knows_the_message(engine: Make, said: Say) -> None:
    """A condition could not ask who wrote what."""
    body = _with("{expr: \"{{ sender == 'Guest 1' and match[1] == ' there' and text | length < 10 }}\"}")
    body = body.replace(', {every: {interval: 1h, chat: "@hall_one"}}', "")
    assert _texts(engine(body).on_message(said("hi there"), NOON)) == ["special"]
    assert _texts(engine(body).on_message(said("hi there", sender_id=2), NOON)) == ["usual"]
    assert _texts(engine(body).on_message(said("hi you"), NOON)) == ["usual"]


def test_time_asks_conditions_too(engine: Make) -> None:
    """A hint would come at night."""
    made = engine(_with('{hours: ["09:00", "12:30"]}'))
    made.on_time(NOON - 3600)
    assert _texts(made.on_time(NOON)) == ["special"]
    assert made.on_time(NOON + 3600) == []


def test_a_cooldown_is_each_conversations_own(engine: Make, said: Say) -> None:
    """A guest who repeats would be answered each time, or everybody would wait for one."""
    made = engine(_with("{cooldown: 10m}"))
    assert _texts(made.on_message(said("hi"), NOON)) == ["special"]
    assert _texts(made.on_message(said("hi"), NOON + 599)) == ["usual"]
    assert _texts(made.on_message(said("hi", sender_id=2), NOON + 599)) == ["special"]
    assert _texts(made.on_message(said("hi"), NOON + 600)) == ["special"]


def test_a_cooldown_survives_a_restart_and_is_forgotten_when_it_is_over(parsed: Parsed, said: Say) -> None:
    """A restart would make the account repeat itself; or every passer-by would be remembered for ever."""
    body = "scenes: {a: {triggers: [{message: {text: hi}}], conditions: [{cooldown: 10m}], steps: [{reply: x}]}, "
    script = parsed(body + "b: {triggers: [{message: {text: hi}}], steps: [stop]}}")
    rows = Rows()
    made = Engine(script, random.Random(1))
    made.on_message(said("hi"), NOON)
    rows.write(made.take_changes())
    restored = Engine(script, random.Random(1), rows.state())
    assert restored.on_message(said("hi"), NOON + 300) == []
    assert len(kept(restored)) == 1
    assert restored.on_message(said("hi", sender_id=1), NOON + 300) == []
    without = Engine(parsed(body.replace("{cooldown: 10m}", "") + "}"), random.Random(1), rows.state())
    assert list(without.take_changes().conversations.values()) == [None]


def test_a_failing_expression_does_not_hold_and_is_told(engine: Make, said: Say) -> None:
    """A mistake in a condition would silence the scene, and nobody would know."""
    body = _with('{days: [mon]}, {expr: "{{ 1 / visits }}"}')
    effects = engine(body).on_message(said("hi"), NOON)
    assert effects[0] == Fault("special", None, "conditions[1]: ZeroDivisionError: division by zero", "@hall_one")
    assert isinstance(effects[0], Fault)
    assert effects[0].place == "scenes.special.conditions"
    assert _texts(effects[1:]) == ["usual"]


def test_conditions_are_not_asked_at_a_goto(engine: Make, said: Say) -> None:
    """A scene would end in the middle, without a word."""
    made = engine(
        "scenes: {a: {triggers: [{command: /go}], steps: [{goto: b}]}, "
        "b: {triggers: [{message: {text: hi}}], conditions: [{chat: private}], steps: [{reply: b}]}}"
    )
    assert _texts(made.on_message(said("/go"), 0.0)) == ["b"]
