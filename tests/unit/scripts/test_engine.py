"""The interpreter: what a message or a moment makes an account say, and where a conversation stands."""

import random
from collections.abc import Callable

import pytest

from shared.randomness import SeededRandomness
from shared.scripts import Effect, Engine, EngineState, Fault, Incoming, SendText
from tests.support.scripts.rows import Rows
from tests.unit.scripts.conftest import Parsed, kept

Make = Callable[[str], Engine]
Say = Callable[..., Incoming]

WAITING = """\
variables: {visits: 0}
scenes:
  hello:
    triggers: [{message: {text: hi}}]
    mode: MODE
    steps:
      - set: {visits: "{{ visits + 1 }}"}
      - reply: "first {{ text }} {{ visits }}"
      - wait: 10s
      - reply: "then {{ text }} {{ visits }}"
"""
SINGLE, RESTART = WAITING.replace("MODE", "single"), WAITING.replace("MODE", "restart")


def _texts(effects: list[Effect]) -> list[str]:
    return [
        effect.text if isinstance(effect, SendText) else f"FAULT {getattr(effect, 'message', '')}" for effect in effects
    ]


def test_a_reply_answers_its_message_and_a_send_does_not(engine: Make, said: Say) -> None:
    """An account would answer the wrong message, or in the wrong chat."""
    made = engine(
        "scenes: {a: {triggers: [{command: /go}], steps: "
        "[{reply: 'to {{ sender }}'}, {send: here}, {send: {text: there, chat: '@Hall_Two'}}]}}"
    )
    assert made.on_message(said("/go", message_id=42), 0.0) == [
        SendText("@hall_one", "to Guest 1", 42),
        SendText("@hall_one", "here", None),
        SendText("@hall_two", "there", None),
    ]
    assert made.next_wake() is None


@pytest.mark.parametrize("chat", ["@elsewhere", "-100999", "private", "", "@hall_on"])
def test_nothing_is_said_in_a_chat_that_is_not_listed(engine: Make, said: Say, chat: str) -> None:
    """The promise that a script speaks only where it says would be broken."""
    assert engine(SINGLE).on_message(said("hi", chat=chat), 0.0) == []


def test_private_chats_are_each_their_own(engine: Make, said: Say) -> None:
    """One person's answer would go to another."""
    made = engine(SINGLE)
    assert made.on_message(said("hi", chat="private:5", sender_id=5), 0.0) == [SendText("private:5", "first hi 1", 100)]
    assert made.on_message(said("hi", chat="private:6", sender_id=6), 0.0) == [SendText("private:6", "first hi 1", 100)]


def test_a_message_begins_only_the_first_scene_that_matches(engine: Make, said: Say) -> None:
    """Two scenes would answer one message."""
    made = engine(
        "scenes: {a: {triggers: [{message: {contains: price}}], steps: [{reply: a}]}, "
        "b: {triggers: [{message: {contains: ric}}], steps: [{reply: b}]}}"
    )
    assert _texts(made.on_message(said("PRICES?"), 0.0)) == ["a"]
    assert _texts(made.on_message(said("rice"), 0.0)) == ["b"]
    assert made.on_message(said("nothing"), 0.0) == []


def test_a_run_rests_at_a_wait_and_goes_on_when_it_is_over(engine: Make, said: Say) -> None:
    """A wait would be skipped, or never end."""
    made = engine(SINGLE)
    assert _texts(made.on_message(said("hi"), 100.0)) == ["first hi 1"]
    assert made.next_wake() == 110.0
    assert made.on_time(109.9) == []
    assert made.on_time(110.0) == [SendText("@hall_one", "then hi 1", 100)]
    assert made.next_wake() is None


def test_single_ignores_and_restart_begins_again(engine: Make, said: Say) -> None:
    """A guest who writes twice would get two interleaved answers."""
    single, restart = engine(SINGLE), engine(RESTART)
    for made in (single, restart):
        made.on_message(said("hi"), 0.0)
    assert single.on_message(said("HI", message_id=101), 5.0) == []
    assert single.next_wake() == 10.0
    assert _texts(restart.on_message(said("HI", message_id=101), 5.0)) == ["first HI 2"]
    assert restart.on_time(15.0) == [SendText("@hall_one", "then HI 2", 101)]


def test_guests_do_not_share_modes_or_variables(engine: Make, said: Say) -> None:
    """One guest's conversation would silence another's."""
    made = engine(SINGLE)
    made.on_message(said("hi", sender_id=1), 0.0)
    assert _texts(made.on_message(said("hi", sender_id=2), 1.0)) == ["first hi 1"]
    assert _texts(made.on_time(20.0)) == ["then hi 1", "then hi 1"]


def test_a_random_wait_stays_in_its_range(parsed: Parsed, said: Say) -> None:
    """A script's calm would not be kept, or its tests would not repeat; the project's own dice fit."""
    script = parsed("scenes: {a: {triggers: [{command: /go}], steps: [{wait: [2s, 5s]}, {reply: x}]}}")
    wakes = []
    for seed in range(20):
        made = Engine(script, SeededRandomness(seed))
        made.on_message(said("/go"), 100.0)
        wakes.append(made.next_wake())
    assert all(wake is not None and 102 <= wake <= 105 for wake in wakes)
    assert len(set(wakes)) == len(wakes)


EVERY = "scenes: {tick: {triggers: [{every: 60s}], steps: [{send: tick}]}}"


def test_every_begins_in_each_public_chat_an_interval_after_the_start(engine: Make) -> None:
    """A reload would say the hint at once in all chats, or private would be spoken to."""
    made = engine(EVERY)
    assert made.next_wake() == 0.0
    assert made.on_time(1000.0) == []
    assert made.next_wake() == 1060.0
    assert made.on_time(1060.0) == [SendText("@hall_one", "tick", None), SendText("@hall_two", "tick", None)]
    assert made.next_wake() == 1120.0


def test_a_long_pause_does_not_make_up_for_missed_times(engine: Make) -> None:
    """A laptop that wakes up would flood its chats."""
    made = engine(EVERY)
    made.on_time(0.0)
    assert len(made.on_time(100_000.0)) == 2
    assert made.next_wake() == 100_020.0


def test_what_is_due_plays_in_the_order_it_was_due(engine: Make, said: Say) -> None:
    """After a delay an answer could come before what it follows."""
    made = engine(
        "scenes: {a: {triggers: [{message: {pattern: '[0-9]+s'}}], steps: [{wait: 1s}, {reply: '{{ text }}'}]}}"
    )
    for second, sender in ((3, 1), (1, 2), (2, 3)):
        made.on_message(said(f"{second}s", sender_id=sender), float(second))
    assert _texts(made.on_time(60.0)) == ["1s", "2s", "3s"]


def test_a_text_that_fails_ends_only_its_conversation(engine: Make, said: Say) -> None:
    """One bad message would stop the account, or the operator would not hear of it."""
    made = engine(
        "variables: {a: 1}\nscenes: {a: {triggers: [{message: {pattern: 'div ([0-9]+)'}}], steps: "
        "[{set: {a: 2}}, {reply: before}, {reply: '{{ 1 / (match[1] | int) }}'}, {reply: after}]}}"
    )
    broken = made.on_message(said("div 0", sender_id=1), 0.0)
    assert _texts(broken) == ["before", "FAULT ZeroDivisionError: division by zero"]
    assert broken[1] == Fault("a", 2, "ZeroDivisionError: division by zero", "@hall_one")
    assert _texts(made.on_message(said("div 1", sender_id=2), 0.0)) == ["before", "1.0", "after"]
    assert [each.sender_id for each in kept(made)] == [2]


def test_an_empty_text_is_not_sent(engine: Make, said: Say) -> None:
    """Telegram would refuse an empty message, and the account would look broken."""
    made = engine(
        "scenes: {a: {triggers: [{command: /go}], steps: [{reply: '{% if false %}x{% endif %} '}, {send: y}]}}"
    )
    assert _texts(made.on_message(said("/go"), 0.0)) == ["y"]


def test_set_sees_the_old_values(engine: Make, said: Say) -> None:
    """The order of a mapping would matter, which no author expects."""
    made = engine(
        "variables: {a: 1, b: 2}\nscenes: {a: {triggers: [{command: /swap}], steps: "
        "[{set: {a: '{{ b }}', b: '{{ a }}'}}, {reply: '{{ a }} {{ b }}'}]}}"
    )
    assert _texts(made.on_message(said("/swap"), 0.0) + made.on_message(said("/swap"), 0.0)) == ["2 1", "1 2"]


def test_goto_keeps_the_message_and_its_groups(engine: Make, said: Say) -> None:
    """The scene that is gone to would not know whom it answers."""
    made = engine(
        "scenes: {a: {triggers: [{command: /go}], steps: [{goto: b}]}, b: {steps: [{reply: '{{ match.args }}'}, stop]}}"
    )
    assert made.on_message(said("/go  on \n now "), 0.0) == [SendText("@hall_one", "on \n now", 100)]


def test_a_hostile_message_is_cut_and_cleaned(engine: Make, said: Say) -> None:
    """A guest could make an answer that can be neither sent nor saved, or fill the node's memory."""
    made = engine("scenes: {a: {triggers: [{command: /go}], steps: [{reply: '{{ match.args }}'}, {wait: 1s}]}}")
    assert _texts(made.on_message(said("/go \ud800!"), 0.0)) == ["?!"]
    assert _texts(made.on_message(said("/go " + "x" * 100_000, sender_id=2), 0.0)) == ["x" * 4092]
    assert sum(len(each.model_dump_json()) for each in kept(made)) < 20_000


def test_conversations_are_bounded_and_idle_ones_go_first(parsed: Parsed, said: Say) -> None:
    """A flood of strangers would fill the node's memory, or push out those who are being talked to."""
    idle = SINGLE.replace("      - wait: 10s\n", "").replace("hello:", "short:").replace("text: hi}", "text: bye}")
    script = parsed(SINGLE + idle.split("scenes:\n")[1])
    made = Engine(script, random.Random(1), max_conversations=3)
    made.on_message(said("hi", sender_id=1), 0.0)
    for sender in range(2, 50):
        assert len(made.on_message(said("bye", sender_id=sender), 1.0)) == 2
    assert sorted(each.sender_id or 0 for each in kept(made)) == [1, 48, 49]


def test_ending_a_busy_conversation_is_told(parsed: Parsed, said: Say) -> None:
    """A guest would be left without an answer and nobody would know."""
    made = Engine(parsed(SINGLE), random.Random(1), max_conversations=1)
    made.on_message(said("hi", sender_id=1), 0.0)
    effects = made.on_message(said("hi", sender_id=2), 0.0)
    assert isinstance(effects[0], Fault)
    assert "more than 1 conversations" in effects[0].message
    assert _texts(effects[1:]) == ["first hi 1"]


def test_a_finished_conversation_without_variables_is_forgotten(engine: Make, said: Say) -> None:
    """Every passer-by would be remembered until the bound is reached."""
    made = engine("scenes: {a: {triggers: [{command: /go}], steps: [{reply: x}]}}")
    made.on_message(said("/go"), 0.0)
    assert kept(made) == []


def test_a_restored_engine_goes_on_where_it_was(parsed: Parsed, said: Say) -> None:
    """A restart of the agent would forget every conversation, or the timers would start anew."""
    script = parsed(SINGLE + EVERY.replace("scenes: {", "  ").removesuffix("}") + "\n")
    made, rows = Engine(script, random.Random(1)), Rows()
    made.on_message(said("hi"), 0.0)
    rows.write(made.take_changes())
    restored = Engine(script, random.Random(1), rows.state())
    assert not restored.take_changes(), "what was read back would be written again"
    assert restored.on_time(10.0) == made.on_time(10.0) == [SendText("@hall_one", "then hi 1", 100)]
    assert restored.next_wake() == made.next_wake() == 60.0


def test_changes_are_told_once_and_are_copies(engine: Make, said: Say) -> None:
    """The agent would write every conversation at every flush, or write what changes while it writes."""
    made = engine(SINGLE)
    assert not made.take_changes()
    made.on_message(said("hi", sender_id=1), 0.0)
    made.on_message(said("what", sender_id=2), 0.0)
    first = made.take_changes()
    assert list(first.conversations) == [("@hall_one", 1)]
    assert not made.take_changes()
    made.on_time(10.0)
    conversation = first.conversations["@hall_one", 1]
    assert conversation is not None
    assert len(conversation.runs) == 1
    assert list(made.take_changes().conversations) == [("@hall_one", 1)]


def test_the_timers_are_told_when_they_move(engine: Make, said: Say) -> None:
    """A restart would begin the hints anew, or every message would write the account's row."""
    made = engine(EVERY)
    made.on_time(0.0)
    started = made.take_changes().account
    assert started is not None
    assert set(started.timers.values()) == {60.0}
    made.on_message(said("hi"), 30.0)
    made.on_time(59.0)
    assert made.take_changes().account is None
    made.on_time(60.0)
    moved = made.take_changes().account
    assert moved is not None
    assert set(moved.timers.values()) == {120.0}


def test_the_longest_untouched_are_known_after_a_restart(parsed: Parsed, said: Say) -> None:
    """After a restart a flood would push out whoever wrote last."""
    script = parsed("variables: {n: 0}\nscenes: {a: {triggers: [{command: /go}], steps: [{set: {n: '{{ n + 1 }}'}}]}}")
    made, rows = Engine(script, random.Random(1), max_conversations=2), Rows()
    for sender in (2, 1, 2):
        made.on_message(said("/go", sender_id=sender), 0.0)
    rows.write(made.take_changes())
    restored = Engine(script, random.Random(1), rows.state(), max_conversations=2)
    restored.on_message(said("/go", sender_id=3), 0.0)
    changes = restored.take_changes().conversations
    assert changes.keys() == {("@hall_one", 1), ("@hall_one", 3)}
    assert changes["@hall_one", 1] is None


def test_a_state_with_no_place_in_the_script_is_forgotten(parsed: Parsed, said: Say) -> None:
    """Rows of a script that the account no longer plays would stay for ever."""
    made, rows = Engine(parsed(SINGLE), random.Random(1)), Rows()
    made.on_message(said("hi"), 0.0)
    rows.write(made.take_changes())
    other = parsed(SINGLE.replace("hello:", "other:").replace("visits", "count"))
    assert Engine(other, random.Random(1), rows.state()).take_changes().conversations == {("@hall_one", 1): None}
    assert Engine(other, random.Random(1), EngineState()).next_wake() is None


def test_a_reload_keeps_the_place_with_the_new_text(engine: Make, parsed: Parsed, said: Say) -> None:
    """A push would cut off the people who are being talked to."""
    made = engine(SINGLE)
    made.on_message(said("hi"), 0.0)
    after = made.reloaded(parsed(SINGLE.replace("then", "finally")))
    assert list(after.take_changes().conversations) == [("@hall_one", 1)], "changes of before would be lost"
    assert _texts(after.on_time(10.0)) == ["finally hi 1"]
    assert _texts(made.on_time(10.0)) == ["then hi 1"], "the old engine is left as it was"


def test_a_reload_ends_what_has_no_place(engine: Make, parsed: Parsed, said: Say) -> None:
    """A conversation would point into a scene, a step or a chat that is gone, and raise."""
    made = engine(SINGLE)
    made.on_message(said("hi"), 0.0)
    renamed = made.reloaded(parsed(SINGLE.replace("hello:", "other:").replace("visits", "count")))
    assert kept(renamed) == []
    assert renamed.next_wake() is None
    shorter = made.reloaded(parsed("scenes: {hello: {triggers: [{message: {text: hi}}], steps: [{reply: x}]}}"))
    assert shorter.on_time(10.0) == []
    assert _texts(shorter.on_message(said("hi"), 11.0)) == ["x"]
    script = parsed(SINGLE)
    elsewhere = made.reloaded(script.model_copy(update={"chats": ("@hall_two",)}))
    assert elsewhere.on_time(10.0) == []


def test_a_reload_keeps_timers_that_are_the_same(engine: Make, parsed: Parsed) -> None:
    """A script pushed often would never give its hint, or a changed interval would be ignored."""
    made = engine(EVERY)
    made.on_time(0.0)
    same = made.reloaded(parsed(EVERY.replace("send: tick", "send: tock")))
    assert _texts(same.on_time(60.0)) == ["tock", "tock"]
    changed = made.reloaded(parsed(EVERY.replace("60s", "90s")))
    assert changed.on_time(60.0) == []
    assert changed.next_wake() == 150.0
