"""A dialogue made into a test: it passes, and it does what was done."""

from datetime import datetime

import pytest

from services.cli.chat.saving import NotSaved, SavedTest, saved
from services.cli.chat.trial import Joined, Said, Trial
from shared.scripts import Script, parse_script, run_tests
from tests.unit.cli.chat.test_trial import NOON, TEXT, script

PLAIN = """\
id: plain
chats: ["@hall_one"]
scenes:
  hello:
    triggers: [{message: {contains: hello}}]
    steps: [{reply: "Hello {{ sender }},\\n\\nwelcome."}, {wait: 10s}, {send: "yes"}]
"""


def pasted(text: str, outcome: SavedTest | NotSaved) -> Script:
    """The script with the test put under its `tests:`."""
    assert isinstance(outcome, SavedTest), outcome
    made = parse_script(f"{text}tests:\n{outcome.yaml}")
    assert isinstance(made, Script), str(made)
    return made


def keep(trial: Trial, name: str = "it") -> SavedTest | NotSaved:
    """What the trial's deeds make."""
    return saved(trial.script, name, trial.clock, trial.deeds, trial.said)


def test_the_yaml_is_what_an_author_would_write() -> None:
    """What has to be tidied up after pasting is written by hand instead."""
    trial = Trial(script(PLAIN), NOON)
    trial.say(Said("hello: how are you?", "guest", "@hall_one"))
    trial.wait(4)
    trial.wait(6)
    trial.say(Said("what", "guest", "@hall_one"))
    outcome = keep(trial, "a greeting: answered")
    assert isinstance(outcome, SavedTest)
    assert outcome.yaml == (
        "  - name: 'a greeting: answered'\n"
        "    dialogue:\n"
        "      - guest: 'hello: how are you?'\n"
        "      - expect: |-\n"
        "          Hello guest,\n"
        "\n"
        "          welcome.\n"
        "      - wait: 10s\n"
        "      - expect: yes\n"
        "      - guest: what\n"
        "      - expect_nothing: true\n"
    )
    assert all(test.passed for test in run_tests(pasted(PLAIN, outcome)))


def test_who_and_where_are_told_when_there_are_several() -> None:
    """A test that passes although the wrong guest is answered is worth nothing."""
    trial = Trial(script(), datetime(2026, 3, 2, 8, 59))  # noqa: DTZ001 - local time of the script
    trial.say(Said("/hello", "Mei", "@hall_two", mentions=True))
    trial.join(Joined("Ana", "@hall_one"))
    outcome = keep(trial)
    assert isinstance(outcome, SavedTest)
    assert "    clock: 2026-03-02 08:59\n" in outcome.yaml
    assert "      - guest: /hello\n        as: Mei\n        chat: '@hall_two'\n        mentions: true\n" in outcome.yaml
    assert "      - expect: Hello Mei\n        chat: '@hall_two'\n        to: Mei\n" in outcome.yaml
    assert "      - expect_reaction: 👍\n        chat: '@hall_one'\n        to: Ana\n" in outcome.yaml
    pasted(TEXT, outcome)


def test_dice_fall_as_they_did() -> None:
    """A test that expects another answer than the one that was seen is not the dialogue that was saved."""
    trial = Trial(script(), NOON)
    trial.say(Said("/hello", "Mei", "@hall_one"))
    trial.go_on()
    outcome = keep(trial, "dice")
    assert isinstance(outcome, SavedTest) and outcome.as_seen
    assert f"expect: {trial.said[1]}" in outcome.yaml
    assert "s\n" in outcome.yaml and "ms" not in outcome.yaml
    assert all(test.passed for test in run_tests(pasted(TEXT, outcome)))


def test_after_a_reload_the_new_words_are_expected() -> None:
    """A test of words that the script no longer says would fail at once."""
    trial = Trial(script(PLAIN), NOON)
    trial.say(Said("hello", "guest", "@hall_one"))
    trial.reload(script(PLAIN.replace("welcome", "good day")))
    outcome = keep(trial)
    assert isinstance(outcome, SavedTest) and not outcome.as_seen
    assert "good day" in outcome.yaml


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said("/bad", "Mei", "@hall_one"), "scenes.bad.steps[0] failed: ZeroDivisionError"),
        (Said("/hello", "Mei", "@elsewhere"), "@elsewhere is not one of the script's chats"),
    ],
)
def test_what_makes_no_test_says_why(said: Said, why: str) -> None:
    """YAML that the check refuses would cost the author the rest of the hour."""
    trial = Trial(script(), NOON)
    trial.say(said)
    outcome = keep(trial)
    assert isinstance(outcome, NotSaved) and why in outcome.why


def test_a_name_is_used_once() -> None:
    """The second test of a name would be refused with the whole script."""
    trial = Trial(script(TEXT + "tests: [{name: it, dialogue: [{guest: what}]}]\n"), NOON)
    trial.say(Said("what", "Mei", "@hall_one"))
    outcome = keep(trial)
    assert isinstance(outcome, NotSaved) and "two tests are called 'it'" in outcome.why
