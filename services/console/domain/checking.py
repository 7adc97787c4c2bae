"""What is wrong with a script while it is written, line by line, as the deployer and the nodes will see it.

Pure computing that may take seconds for a large script: the page asks for it in a thread. Nothing here raises for any
text, and nothing is stored.
"""

from dataclasses import dataclass

from shared.contracts.deliveries import LARGEST_ARTIFACT
from shared.scripts import Script, ScriptProblems, parse_script, run_tests
from shared.scripts.places import place_of_test


@dataclass(frozen=True)
class Mistake:
    """Something to mend, at a line and column counted from 1. `test` names the failed test that it is about."""

    line: int
    column: int
    message: str
    hint: str = ""
    test: str = ""


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a text: its mistakes, and how many of its tests passed."""

    mistakes: tuple[Mistake, ...]
    script_id: str | None = None
    passed: int = 0
    tests: int = 0


def check(source: str) -> Verdict:
    """The verdict on a text."""
    if len(source.encode()) > LARGEST_ARTIFACT:
        return Verdict((Mistake(1, 1, f"is over the limit of {LARGEST_ARTIFACT} bytes"),))
    parsed = parse_script(source)
    if isinstance(parsed, ScriptProblems):
        found = (Mistake(one.line, one.column, one.message, one.hint) for one in parsed.problems)
        return Verdict(tuple(found))
    return _tested(source, parsed)


def _tested(source: str, script: Script) -> Verdict:
    outcomes = run_tests(script)
    mistakes = []
    for number, outcome in enumerate(outcomes):
        if not outcome.passed:
            (line, column), _ = place_of_test(source, number, outcome)
            mistakes.append(Mistake(line, column, outcome.difference, test=outcome.name))
    return Verdict(tuple(mistakes), script.id, len(outcomes) - len(mistakes), len(outcomes))
