"""Queues and parallel runs: what a second beginning does while the first still plays."""

import random
from collections.abc import Callable

import pytest

from shared.scripts import Effect, Engine, Fault, Incoming, SendText
from shared.scripts.conversations import MAX_CROWD
from tests.support.scripts.rows import Rows
from tests.unit.scripts.conftest import Parsed, kept

Make = Callable[[str], Engine]
Say = Callable[..., Incoming]

SCRIPT = """\
variables: {n: 0}
scenes:
  go:
    triggers: [{command: /go}]
    mode: MODE
    steps:
      - reply: "{{ match.args }}"
      - wait: 10s
      - reply: "{{ match.args }} {{ 1 // (match.args != 'bad') }} done"
"""


def _texts(effects: list[Effect]) -> list[str]:
    return [effect.text if isinstance(effect, SendText) else f"FAULT {effect.place}" for effect in effects if
            isinstance(effect, SendText | Fault)]  # fmt: skip


def _made(engine: Make, mode: str) -> Engine:
    return engine(SCRIPT.replace("MODE", mode))


def test_queued_plays_one_after_the_other(engine: Make, said: Say) -> None:
    """Questions asked while one is answered would be lost, or answered all at once."""
    made = _made(engine, "queued")
    assert _texts(made.on_message(said("/go a", message_id=1), 0.0)) == ["a"]
    assert made.on_message(said("/go b", message_id=2), 1.0) == []
    assert made.on_message(said("/go c", message_id=3), 2.0) == []
    assert made.next_wake() == 10.0
    assert made.on_time(10.0) == [SendText("@hall_one", "a 1 done", 1), SendText("@hall_one", "b", 2)]
    assert _texts(made.on_time(20.0)) == ["b 1 done", "c"]
    assert _texts(made.on_time(30.0)) == ["c 1 done"]
    assert made.next_wake() is None


def test_a_queue_is_bounded_and_its_guests_own(engine: Make, said: Say) -> None:
    """A guest could fill the node's memory, or keep others waiting."""
    made = _made(engine, "{queued: {max: 2}}")
    for word in "abcd":
        made.on_message(said(f"/go {word}"), 0.0)
    assert _texts(made.on_message(said("/go x", sender_id=2), 0.0)) == ["x"]
    made.on_message(said("/go y", sender_id=2), 0.0)
    played = [text for moment in (10.0, 20.0, 30.0, 40.0) for text in _texts(made.on_time(moment))]
    assert [text for text in played if len(text) == 1] == ["b", "y", "c"]


def test_a_fault_ends_the_queue_with_the_conversation(engine: Make, said: Say) -> None:
    """A broken run would leave beginnings behind that nothing ever plays."""
    made = _made(engine, "queued")
    made.on_message(said("/go bad"), 0.0)
    made.on_message(said("/go b"), 1.0)
    assert _texts(made.on_time(10.0)) == ["FAULT scenes.go.steps[2]"]
    assert kept(made) == []


def test_parallel_plays_both(engine: Make, said: Say) -> None:
    """Two orders of one guest would be one."""
    made = _made(engine, "parallel")
    assert _texts(made.on_message(said("/go a"), 0.0)) == ["a"]
    assert _texts(made.on_message(said("/go b"), 1.0)) == ["b"]
    assert _texts(made.on_time(10.0)) == ["a 1 done"]
    assert _texts(made.on_time(11.0)) == ["b 1 done"]


def test_parallel_runs_are_bounded(engine: Make, said: Say) -> None:
    """A guest could begin a thousand runs."""
    made = _made(engine, "{parallel: {max: 2}}")
    answers = [_texts(made.on_message(said(f"/go {word}"), 0.0)) for word in "abc"]
    assert answers == [["a"], ["b"], []]
    made.on_time(10.0)
    assert _texts(made.on_message(said("/go d"), 11.0)) == ["d"]


@pytest.mark.parametrize("mode", ["queued", "parallel"])
def test_a_crowd_gets_no_second_places(parsed: Parsed, said: Say, mode: str) -> None:
    """A thousand strangers with ten messages each would fill the node's memory."""
    made = Engine(parsed(SCRIPT.replace("MODE", f"{{{mode}: {{max: 10}}}}")), random.Random(1))
    for index in range(10):
        for sender in range(MAX_CROWD // 8):
            made.on_message(said(f"/go {index}", sender_id=sender), 0.0)
    places = sum(len(each.runs) + len(each.queue) - 1 for each in kept(made))
    assert places == MAX_CROWD


def test_a_queue_survives_a_restart(parsed: Parsed, said: Say) -> None:
    """A restart would lose the questions that nobody has answered yet."""
    script, rows = parsed(SCRIPT.replace("MODE", "queued")), Rows()
    made = Engine(script, random.Random(1))
    for word in "ab":
        made.on_message(said(f"/go {word}"), 0.0)
    rows.write(made.take_changes())
    assert _texts(Engine(script, random.Random(1), rows.state()).on_time(10.0)) == ["a 1 done", "b"]


def test_a_reload_keeps_the_queue_while_the_scene_queues(engine: Make, parsed: Parsed, said: Say) -> None:
    """Beginnings would wait for ever behind a run that is gone."""
    made = _made(engine, "queued")
    for word in "ab":
        made.on_message(said(f"/go {word}"), 0.0)
    assert _texts(made.reloaded(parsed(SCRIPT.replace("MODE", "queued"))).on_time(10.0)) == ["a 1 done", "b"]
    assert _texts(made.reloaded(parsed(SCRIPT.replace("MODE", "single"))).on_time(10.0)) == ["a 1 done"]
    renamed = made.reloaded(parsed(SCRIPT.replace("MODE", "queued").replace("  go:", "  other:")))
    assert renamed.on_time(10.0) == []
    assert kept(renamed) == []
