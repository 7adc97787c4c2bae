"""A script's own tests: what passes, and what a failing one shows."""

import pytest

from shared.scripts import TestOutcome, run_tests
from tests.unit.scripts.conftest import Parsed

SCENES = """\
variables: {count: 0}
scenes:
  hello:
    triggers: [{message: {text: hi}}]
    steps: [{reply: "Hello\\n{{ sender }}"}, {wait: 5s}, {send: Still there?}]
  ten:
    triggers: [{command: /div}]
    steps: [{reply: "{{ 10 / (match.args | int) }}"}]
  tick:
    triggers: [{every: {interval: 1h, chat: "@hall_two"}}]
    steps: [{send: tick}]
tests:
"""


def _outcome(parsed: Parsed, dialogue: str) -> TestOutcome:
    (outcome,) = run_tests(parsed(SCENES + f"  - name: it\n    dialogue: [{dialogue}]\n"))
    assert outcome.passed == (outcome.difference == "")
    return outcome


def test_a_dialogue_that_is_as_expected_passes(parsed: Parsed) -> None:
    """Good scripts could not be pushed."""
    outcome = _outcome(
        parsed,
        '{guest: hi, as: Mei, chat: private}, {expect: "Hello\\nMei", chat: private}, {expect_nothing: true}, '
        "{wait: 5s}, {expect: Still there?}, {guest: what}, {expect_nothing: true}, {wait: 1h}, "
        '{expect: tick, chat: "@hall_two"}',
    )
    assert outcome.passed, outcome.difference
    assert outcome.transcript[:2] == ("+0s Mei in private:1: hi", "+0s account in private:1: Hello\nMei")
    assert outcome.transcript[2] == "+5s account in private:1: Still there?"


def test_the_difference_is_shown(parsed: Parsed) -> None:
    """The author would not see what was said instead."""
    outcome = _outcome(parsed, '{guest: hi}, {expect: "Hello\\nMei"}')
    assert outcome.difference == (
        "dialogue[1] after 0s: expected (-) and said (+) differ\n  - Hello\n  - Mei\n  + Hello\n  + guest"
    )


def test_silence_where_a_text_was_expected_says_what_comes_next(parsed: Parsed) -> None:
    """The author would not learn that a wait is missing from the dialogue."""
    outcome = _outcome(parsed, '{guest: hi}, {expect: "Hello\\nguest"}, {wait: 2s}, {expect: Still there?}')
    assert "+ (nothing; the script goes on in 3s)" in outcome.difference
    assert "after 2s" in outcome.difference


def test_what_nobody_expected_fails(parsed: Parsed) -> None:
    """A script could say anything as long as it also says what is expected."""
    at_the_end = _outcome(parsed, "{guest: hi}")
    assert "- (the dialogue ends)\n  + Hello\n  + guest" in at_the_end.difference
    in_between = _outcome(parsed, "{guest: hi}, {expect_nothing: true}")
    assert "- (nothing)\n  + Hello" in in_between.difference


def test_the_right_text_in_the_wrong_chat_fails(parsed: Parsed) -> None:
    """A message to the team could go to the guests, and the test would be green."""
    outcome = _outcome(parsed, '{wait: 1h}, {expect: tick, chat: "@hall_one"}')
    assert "done in another chat\n  - @hall_one\n  + @hall_two" in outcome.difference


def test_a_fault_fails_the_test(parsed: Parsed) -> None:
    """A text that breaks at play would only be seen by guests."""
    outcome = _outcome(parsed, "{guest: /div 0}")
    assert outcome.difference == "dialogue[0] after 0s: scenes.ten.steps[0] failed: ZeroDivisionError: division by zero"


EVERYTHING = """\
timezone: Asia/Taipei
variables: {n: 0}
scenes:
  thanks:
    triggers: [{message: {text: thanks}}]
    steps: [{react: ❤}]
  mention:
    triggers: [{mention: true}]
    steps: [{reply: mentioned}]
  answer:
    triggers: [{reply: true}]
    steps: [{send: answered}]
  welcome:
    triggers: [{joined: true}]
    steps: [{reply: "Welcome {{ sender }}"}, {react: 🎉}]
  open:
    triggers: [{at: {time: "09:00", days: [mon], chat: "@hall_two"}}]
    steps: [{send: We are open.}]
  dice:
    triggers: [{command: /dice}]
    steps: [{choose: [{reply: "1"}, {reply: "2"}, {reply: "3"}, {reply: "4"}, {reply: "5"}, {reply: "6"}]}]
tests:
"""


@pytest.mark.parametrize(
    "dialogue",
    [
        "{guest: thanks, as: Mei}, {expect_reaction: ❤️, to: Mei, chat: '@hall_one'}",
        "{guest: x}, {guest: x, mentions: true}, {expect: mentioned, to: guest}, {expect_nothing: true}",
        "{guest: x, replies: true}, {expect: answered, to: false}",
        "{joins: Mei}, {expect: Welcome Mei, to: Mei}, {expect_reaction: 🎉}",
        "{joins: Mei, chat: '@hall_two'}, {expect: Welcome Mei, chat: '@hall_two'}, {expect_reaction: 🎉, to: Mei}",
    ],
)
def test_what_a_script_does_can_be_tested(parsed: Parsed, dialogue: str) -> None:
    """Parts of the language could only be tried on guests."""
    (outcome,) = run_tests(parsed(EVERYTHING + f"  - {{name: it, dialogue: [{dialogue}]}}\n"))
    assert outcome.passed, outcome.difference


@pytest.mark.parametrize(
    ("dialogue", "difference"),
    [
        ("{guest: thanks}, {expect: ❤}", "- ❤\n  + (reacts with ❤)"),
        ("{guest: thanks}, {expect_reaction: 👍}", "- (reacts with 👍)\n  + (reacts with ❤)"),
        ("{guest: thanks}", "- (the dialogue ends)\n  + (reacts with ❤)"),
        ("{guest: thanks}, {expect_nothing: true}", "- (nothing)\n  + (reacts with ❤)"),
        ("{guest: x, replies: true}, {expect: answered, to: guest}", "- guest\n  + (nobody)"),
        ("{guest: x, mentions: true}, {expect: mentioned, to: false}", "- (nobody)\n  + guest"),
        (
            "{guest: x, as: Ana}, {guest: x, as: Mei, mentions: true}, {expect: mentioned, to: Ana}",
            "answers somebody else\n  - Ana\n  + Mei",
        ),
        ("{guest: x, replies: true}, {expect_reaction: ❤}", "- (reacts with ❤)\n  + answered"),
    ],
)
def test_the_difference_tells_what_was_done_instead(parsed: Parsed, dialogue: str, difference: str) -> None:
    """A reaction could pass for a message, or an answer to one guest for an answer to another."""
    (outcome,) = run_tests(parsed(EVERYTHING + f"  - {{name: it, dialogue: [{dialogue}]}}\n"))
    assert difference in outcome.difference


def test_a_test_begins_when_its_clock_says(parsed: Parsed) -> None:
    """Nobody could test what happens at nine on Monday."""
    monday = "{wait: 59s}, {expect_nothing: true}, {wait: 1s}, {expect: We are open., chat: '@hall_two'}"
    tuesday = "{wait: 1d}, {expect_nothing: true}"
    script = parsed(
        EVERYTHING
        + f"  - {{name: monday, clock: 2026-03-02 08:59, dialogue: [{monday}]}}\n"
        + f"  - {{name: tuesday, clock: 2026-03-03 08:59, dialogue: [{tuesday}]}}\n"
    )
    assert [outcome.difference for outcome in run_tests(script)] == ["", ""]


def test_a_test_without_a_clock_begins_on_a_monday_at_noon(parsed: Parsed) -> None:
    """The same test would pass in the morning and fail in the evening."""
    script = parsed(
        "timezone: Asia/Taipei\nscenes: {a: {triggers: [{message: {text: hi}}], conditions: [{days: [mon]}, "
        "{hours: ['12:00', '12:01']}], steps: [{reply: x}]}}\n"
        "tests: [{name: it, dialogue: [{guest: hi}, {expect: x}, {wait: 1m}, {guest: hi}, {expect_nothing: true}]}]"
    )
    assert [outcome.difference for outcome in run_tests(script)] == [""]


def test_a_seed_turns_the_dice(parsed: Parsed) -> None:
    """An author could not reach the alternatives that the test's name does not happen to choose."""
    dialogue = "[{guest: /dice}, {expect: seven}]"
    tests = "".join(f"  - {{name: '{seed}', seed: {seed}, dialogue: {dialogue}}}\n" for seed in range(30))
    outcomes = run_tests(parsed(EVERYTHING + tests))
    assert {outcome.transcript[1][-1] for outcome in outcomes} == set("123456")
    assert [outcome.transcript for outcome in run_tests(parsed(EVERYTHING + tests))] == [
        outcome.transcript for outcome in outcomes
    ]


def test_tests_repeat_themselves(parsed: Parsed) -> None:
    """A random wait would make a push succeed on one node and fail on another."""
    script = parsed(
        "scenes: {a: {triggers: [{command: /go}], steps: [{wait: [1s, 9s]}, {reply: x}]}}\n"
        "tests: [{name: dice, dialogue: [{guest: /go}, {wait: 9s}, {expect: x}]}]"
    )
    assert [run_tests(script)[0].transcript for _ in range(3)] == [run_tests(script)[0].transcript] * 3
