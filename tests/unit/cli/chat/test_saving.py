"""A dialogue made into a test: it passes, and it does what was done."""

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cli.chat.saving import NotSaved, SavedTest, saved
from services.cli.chat.trial import Joined, Said, Trial
from shared.scripts import Script, parse_script, run_tests
from shared.scripts.rehearsal import MAX_WAKES
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


def test_what_is_too_long_for_a_test_is_told_at_once() -> None:
    """Looking for a seed among replays of hours, of which none comes to its end, would keep the author waiting."""
    ticking = "  tick:\n    triggers: [{every: 10s}]\n    steps: [{choose: [{send: a}, {send: b}]}, {wait: 1s}]\n"
    trial = Trial(script(PLAIN + ticking), NOON)
    while len(trial.said) <= MAX_WAKES:
        trial.wait(6 * 3600)
    outcome = keep(trial)
    assert isinstance(outcome, NotSaved) and ":restart" in outcome.why


def test_a_name_is_used_once() -> None:
    """The second test of a name would be refused with the whole script."""
    trial = Trial(script(TEXT + "tests: [{name: it, dialogue: [{guest: what}]}]\n"), NOON)
    trial.say(Said("what", "Mei", "@hall_one"))
    outcome = keep(trial)
    assert isinstance(outcome, NotSaved) and "two tests are called 'it'" in outcome.why


DEEDS = st.lists(
    st.one_of(
        st.builds(
            Said,
            st.one_of(st.sampled_from(["/hello", "what", " - x: [", "yes", "'", "#", "a\nb"]), st.text(max_size=8)),
            st.sampled_from(["guest", "Mei", "no: one", "5"]),
            st.sampled_from(["@hall_one", "@hall_two", "private"]),
            st.booleans(),
            st.booleans(),
        ),
        st.builds(Joined, st.sampled_from(["Ana", "true"]), st.sampled_from(["@hall_one", "@hall_two"])),
        st.sampled_from([0.5, 3.0, 3600.0, None]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DEEDS)
def test_whatever_is_saved_passes_under_the_script(deeds: list[Said | Joined | float | None]) -> None:
    """A saved test that fails, or breaks the file, teaches operators not to save any."""
    trial = Trial(script(), NOON)
    for deed in deeds:
        match deed:
            case Said():
                trial.say(deed)
            case Joined():
                trial.join(deed)
            case None:
                trial.go_on()
            case seconds:
                trial.wait(seconds)
    if not trial.deeds:
        return
    outcome = keep(trial)
    if isinstance(outcome, NotSaved):
        assert any(word in outcome.why for word in ("ZeroDivision", "character")), outcome.why
        return
    assert [test.difference for test in run_tests(pasted(TEXT, outcome)) if not test.passed] == []
