"""A rehearsal that somebody drives: step by step, with another version in the middle, and where its tests stand."""

import pytest

from shared.scripts import Rehearsal, ScriptProblems, SendText, TestOutcome, parse_script, run_tests
from shared.scripts.places import place_of_test
from tests.unit.scripts.conftest import HEAD, Parsed

SCENES = """\
scenes:
  hello:
    triggers: [{message: {text: hi}}]
    steps: [{reply: hello}, {wait: 700ms}, {send: still there?}]
"""


def said(rehearsal: Rehearsal) -> list[str]:
    """What was said since the last call."""
    texts = [effect.text for effect in rehearsal.unheard if isinstance(effect, SendText)]
    rehearsal.unheard.clear()
    return texts


@pytest.mark.parametrize("milliseconds", range(0, 1000, 50))
def test_a_wait_of_a_fraction_is_over_when_it_is_over(parsed: Parsed, milliseconds: int) -> None:
    """Epoch seconds are rounded: a test that begins at an odd fraction would wait for a microsecond more."""
    rehearsal = Rehearsal(parsed(SCENES), "seed")
    rehearsal.pass_time(milliseconds / 1000)
    rehearsal.happens(rehearsal.guest("hi", "Mei"))
    rehearsal.pass_time(0.6)
    assert said(rehearsal) == ["hello"]
    rehearsal.pass_time(0.1)
    assert said(rehearsal) == ["still there?"]


def test_one_thing_after_the_other(parsed: Parsed) -> None:
    """Whoever watches wants to see each thing by itself, and time to stop where nothing is left."""
    rehearsal = Rehearsal(parsed(SCENES), "seed")
    rehearsal.happens(rehearsal.guest("hi", "Mei"))
    assert rehearsal.advance(60.0) and rehearsal.now == pytest.approx(0.7)
    assert not rehearsal.advance(60.0) and rehearsal.now == 60.0
    assert rehearsal.next_wake() is None


def test_another_version_goes_on_from_there(parsed: Parsed) -> None:
    """An author would have to play the whole dialogue again for each changed word."""
    rehearsal = Rehearsal(parsed(SCENES), "seed")
    rehearsal.happens(rehearsal.guest("hi", "Mei"))
    rehearsal.reload(parsed(SCENES.replace("still", "are you")))
    rehearsal.pass_time(1.0)
    assert said(rehearsal) == ["hello", "are you there?"]


def test_a_failed_test_has_a_place(parsed: Parsed) -> None:
    """The author of forty lines of dialogue would count them."""
    tests = "tests:\n  - name: it\n    dialogue:\n      - guest: hi\n      - expect: hello\n      - expect: more\n"
    (early,) = run_tests(parsed(SCENES + tests))
    assert place_of_test(HEAD + SCENES + tests, 0, early) == ((12, 9), "tests[0].dialogue[2]")
    rest = tests.replace("      - expect: more\n", "      - wait: 1s\n")
    (late,) = run_tests(parsed(SCENES + rest))
    assert place_of_test(HEAD + SCENES + rest, 0, late) == ((12, 9), "tests[0].dialogue[2]")


def test_a_text_that_is_no_document_has_a_first_line() -> None:
    """The file may have changed between the test and the question."""
    outcome = TestOutcome("it", False, "differs", (), 3)
    assert isinstance(parse_script("a: ["), ScriptProblems)
    assert place_of_test("a: [", 7, outcome) == ((1, 1), "tests[7].dialogue[3]")
