"""The largest scripts that there are, and worse: they are read, compared and tried in a moment, or refused."""

import time

import pytest

from services.cli.chat.saving import NotSaved
from services.cli.chat.trial import Trial
from shared.scripts import overlaps, run_tests
from shared.scripts.errors import ScriptProblem
from shared.scripts.rehearsal import MAX_WAKES
from shared.scripts.source import MAX_BYTES, read_document
from tests.unit.cli.chat.test_saving import PLAIN, keep
from tests.unit.cli.chat.test_trial import NOON, script
from tests.unit.scripts.conftest import HEAD


def _bomb() -> str:
    layers = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 9)]
    return "l0: &l0 [1, 1]\n" + "\n".join(layers)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(_bomb(), id="aliases of aliases"),
        pytest.param("[" * 200_000, id="deep flow"),
        pytest.param("- " * 100_000, id="deep block"),
        pytest.param("[" + "1," * 100_000 + "]", id="many values"),
        pytest.param("a" * (MAX_BYTES + 1), id="many bytes"),
    ],
)
def test_bombs_are_refused_quickly(text: str) -> None:
    """One document could hold a service's memory or its only thread."""
    began = time.process_time()
    assert isinstance(read_document(text), ScriptProblem)
    assert time.process_time() - began < 3


def test_two_scripts_full_of_triggers_are_compared_in_a_moment() -> None:
    """If this broke, an order that takes accounts from a huge script would be answered after more than a minute."""
    scenes = [
        f"  s{scene}:\n    triggers: [{', '.join(f'{{command: /WORD{scene}_{number}}}' for number in range(20))}]\n"
        "    steps: [stop]\n"
        for scene in range(100)
    ]
    began = time.monotonic()
    one, other = (script(HEAD + "scenes:\n" + "".join(scenes).replace("WORD", word)) for word in ("a", "b"))
    assert overlaps(one, other) == ()
    assert time.monotonic() - began < 20


def test_a_test_in_which_too_much_happens_ends() -> None:
    """A long wait against a short interval would hold the deployer."""
    ticking = script(
        HEAD + "scenes: {a: {triggers: [{every: 10s}], steps: [{send: '{{ \"\" }}'}]}}\n"
        "tests: [{name: long, dialogue: [{wait: 24h}]}]"
    )
    assert "more than 2000 things happen" in run_tests(ticking)[0].difference


def test_what_is_too_long_for_a_test_is_told_at_once() -> None:
    """Looking for a seed among replays of hours, of which none comes to its end, would keep the author waiting."""
    ticking = "  tick:\n    triggers: [{every: 10s}]\n    steps: [{choose: [{send: a}, {send: b}]}, {wait: 1s}]\n"
    trial = Trial(script(PLAIN + ticking), NOON)
    while len(trial.said) <= MAX_WAKES:
        trial.wait(6 * 3600)
    outcome = keep(trial)
    assert isinstance(outcome, NotSaved) and ":restart" in outcome.why
