"""What begins a scene beside plain messages: mentions, replies, somebody who joins, and the clock on the wall."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.scripts import Effect, Engine, Incoming, Newcomer, SendText
from shared.scripts.almanac import moment_in, parse_moment, zone
from tests.support.scripts.rows import Rows
from tests.unit.scripts.conftest import Parsed

Make = Callable[[str], Engine]
Say = Callable[..., Incoming]

ASKED = """\
scenes:
  help:
    triggers: [{mention: {text: help}}]
    steps: [{reply: "help {{ match[0] }}"}]
  mention:
    triggers: [{mention: true}]
    steps: [{reply: "mention {{ match[0] }}"}]
  number:
    triggers: [{reply: {pattern: "^([0-9]+)$"}}]
    steps: [{reply: "number {{ match[1] }}"}]
  answer:
    triggers: [{reply: true}]
    steps: [{reply: "reply {{ text }}"}]
  plain:
    triggers: [{message: {contains: a}}]
    steps: [{reply: plain}]
"""


def _texts(effects: list[Effect]) -> list[str]:
    return [effect.text if isinstance(effect, SendText) else str(effect) for effect in effects]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("@desk_bot Help", "help Help"),
        ("help, @desk_bot", "mention help,"),
        ("HELP @desk_bot,", "help HELP"),
        ("write to me@desk_bot.example", "mention write to me@desk_bot.example"),
        ("@desk_bot  what  now", "mention what now"),
        ("what  now", "mention what  now"),
    ],
)
def test_a_mention_is_compared_without_names(engine: Make, said: Say, text: str, answer: str) -> None:
    """`mention: {text: help}` would never fit, because a mention has a name in it."""
    assert _texts(engine(ASKED).on_message(replace(said(text), mentions_me=True), 0.0)) == [answer]


@pytest.mark.parametrize(("text", "answer"), [("12", "number 12"), ("12 of them", "reply 12 of them")])
def test_a_reply_to_the_account_is_answered(engine: Make, said: Say, text: str, answer: str) -> None:
    """An account would not hear what it is told in answer."""
    assert _texts(engine(ASKED).on_message(replace(said(text), answers_me=True), 0.0)) == [answer]


def test_other_messages_are_no_mentions_or_replies(engine: Make, said: Say) -> None:
    """An account would answer when others are asked."""
    assert _texts(engine(ASKED).on_message(said("@another help"), 0.0)) == ["plain"]
    assert engine(ASKED).on_message(said("12"), 0.0) == []


def test_a_newcomer_is_welcomed_under_the_service_message(engine: Make) -> None:
    """A welcome would answer nobody, or go to the wrong chat."""
    made = engine(
        "scenes: {a: {triggers: [{joined: {chat: '@hall_two'}}], steps: [{reply: 'Hi {{ sender }}'}, {wait: 1m}, "
        "{send: Still there?}]}, b: {triggers: [{joined: true}], steps: [{send: 'Welcome {{ sender }}'}]}}"
    )
    assert made.on_joined(Newcomer("@hall_two", "Mei", 5, 77), 0.0) == [SendText("@hall_two", "Hi Mei", 77)]
    assert _texts(made.on_joined(Newcomer("@hall_one", "Jonas", 6, 78), 0.0)) == ["Welcome Jonas"]
    assert made.on_joined(Newcomer("@elsewhere", "Ana", 7, 79), 0.0) == []
    assert _texts(made.on_time(60.0)) == ["Still there?"]


def test_a_newcomer_and_their_messages_are_one_conversation(engine: Make, said: Say) -> None:
    """What was noted about a newcomer would be forgotten when they speak."""
    made = engine(
        "variables: {new: false}\nscenes: {a: {triggers: [{joined: true}], steps: [{set: {new: true}}]}, "
        "b: {triggers: [{message: {text: hi}}], steps: [{reply: '{{ new }}'}]}}"
    )
    made.on_joined(Newcomer("@hall_one", "Mei", 1, 77), 0.0)
    assert _texts(made.on_message(said("hi", sender_id=1), 1.0)) == ["True"]
    assert _texts(made.on_message(said("hi", sender_id=2), 1.0)) == ["False"]


AT = """\
timezone: Europe/Berlin
scenes:
  morning:
    triggers: [{at: {time: "09:00", days: [mon, sat], chat: "@hall_one"}}]
    steps: [{send: Good morning.}]
"""


def _berlin(text: str) -> float:
    return moment_in(parse_moment(text), zone("Europe/Berlin"))


def test_at_comes_on_time_and_again(engine: Make) -> None:
    """An announcement would come at the wrong hour, or only once."""
    made = engine(AT)
    assert made.on_time(_berlin("2026-03-02 08:00")) == []
    assert made.next_wake() == _berlin("2026-03-02 09:00")
    assert made.on_time(_berlin("2026-03-02 09:00")) == [SendText("@hall_one", "Good morning.", None)]
    assert made.next_wake() == _berlin("2026-03-07 09:00")


def test_at_speaks_in_every_public_chat(engine: Make) -> None:
    """An announcement would be made in one chat only, or to nobody in particular."""
    made = engine("scenes: {a: {triggers: [{at: '9:00'}], steps: [{send: x}]}}")
    made.on_time(0.0)
    assert made.on_time(9 * 3600.0) == [SendText("@hall_one", "x", None), SendText("@hall_two", "x", None)]


@pytest.mark.parametrize(("late", "said"), [(timedelta(minutes=10), 1), (timedelta(minutes=11), 0), (timedelta(9), 0)])
def test_a_missed_at_is_made_up_for_within_its_grace(parsed: Parsed, late: timedelta, said: int) -> None:
    """After a day without a connection an account would say good morning in the evening."""
    script, rows = parsed(AT), Rows()
    made = Engine(script, random.Random(1))
    made.on_time(_berlin("2026-03-02 08:00"))
    rows.write(made.take_changes())
    restored = Engine(script, random.Random(1), rows.state())
    now = _berlin("2026-03-02 09:00") + late.total_seconds()
    assert len(restored.on_time(now)) == said
    assert restored.take_changes().account is not None, "it would be missed again after the next restart"
    assert (restored.next_wake() or 0) > now


def test_a_reload_with_another_time_or_zone_counts_anew(engine: Make, parsed: Parsed) -> None:
    """A changed opening hour would be announced at the old one."""
    made = engine(AT)
    made.on_time(_berlin("2026-03-02 08:00"))
    assert made.reloaded(parsed(AT)).next_wake() == _berlin("2026-03-02 09:00")
    later = made.reloaded(parsed(AT.replace("Europe/Berlin", "Europe/London")))
    assert later.on_time(_berlin("2026-03-02 09:00")) == []
    assert len(later.on_time(_berlin("2026-03-02 10:00"))) == 1
