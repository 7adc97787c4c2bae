"""Thousands of scripts that nobody wrote, good and broken, through everything that happens to a script.

Each is checked as an operator's machine does it and again as a node does it; what is accepted runs its own tests,
plays, and plays again with a restart at every step. A number is enough to make a script again:
`broken_document(Rolled(number))`. The suite takes a thousand of each, `CALLBOARD_SIMULATION_SCRIPTS=5000` ten thousand.
"""

import os

import pytest

from shared.scripts import Script
from tests.support.scripts.generated import Rolled, broken_document, some_moments, sound_document
from tests.support.scripts.playing import fits_the_schema, forget_everything_compiled, play, verdict_on

SOUND = BROKEN = int(os.environ.get("CALLBOARD_SIMULATION_SCRIPTS", "1000"))
# In parts, so that a failure names its thousand and the progress is seen.
PART = 1_000


@pytest.mark.parametrize("first", range(0, SOUND, PART))
def test_sound_scripts_are_accepted_and_play(first: int) -> None:
    """The check would refuse a good script, or let one through that fails on the node or after a restart."""
    forget_everything_compiled()
    for number in range(first, first + PART):
        dice = Rolled(number)
        script = verdict_on(sound_document(dice))
        assert isinstance(script, Script), f"{number}: {script}"
        _play(script, dice, number)


@pytest.mark.parametrize("first", range(0, BROKEN, PART))
def test_broken_scripts_have_one_verdict_everywhere(first: int) -> None:
    """A broken script would raise in a service, or be refused here and run there."""
    accepted = 0
    for number in range(first, first + PART):
        dice = Rolled(number)
        document = broken_document(dice)
        outcome = verdict_on(document)
        if isinstance(outcome, Script):
            accepted += 1
            _play(outcome, dice, number)
            assert number % 10 or fits_the_schema(document), f"{number}: the schema refuses it"
    assert PART * 0.05 < accepted < PART * 0.5, "the mutations would break everything, or nothing"


def _play(script: Script, dice: Rolled, number: int) -> None:
    try:
        play(script, some_moments(dice), number)
    except Exception as error:
        error.add_note(f"script {number}")
        raise
