"""The scripts that people will copy: the files in examples/ and every YAML block of the reference."""

import re
from pathlib import Path

import pytest

from shared.scripts import Script, parse_script, run_tests
from shared.scripts.conditions import CONDITION_KINDS
from shared.scripts.dialogue import LINE_KINDS
from shared.scripts.modes import MODES
from shared.scripts.sandbox import environment
from shared.scripts.steps import STEP_KINDS
from shared.scripts.triggers import TRIGGER_KINDS

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
FILES = sorted((ROOT / "examples" / "scripts").glob("*.yaml"))
SCRIPTS = [pytest.param(path.read_text(encoding="utf-8"), id=path.stem) for path in FILES] + [
    pytest.param(block, id=f"reference-{number}") for number, block in enumerate(BLOCKS)
]


@pytest.mark.parametrize("text", SCRIPTS)
def test_an_example_is_accepted_and_passes_its_own_tests(text: str) -> None:
    """What we tell people to write would not work."""
    script = parse_script(text)
    assert isinstance(script, Script), str(script)
    outcomes = run_tests(script)
    assert outcomes
    assert [outcome.difference for outcome in outcomes if not outcome.passed] == []


def test_the_examples_are_all_there() -> None:
    """The demo would start without its script, or this suite would check nothing."""
    names = {path.stem for path in FILES}
    assert {"welcome-desk", "price-list", "on-call"} <= names
    assert {f"{name}.zh-TW" for name in names if "." not in name} <= names, "each has a twin in Traditional Chinese"
    assert len(BLOCKS) >= 7


def test_the_reference_shows_every_trigger_step_condition_mode_and_line() -> None:
    """A new word of the language would be undocumented."""
    scripts = [parse_script(block) for block in BLOCKS]
    scenes = [scene for script in scripts if isinstance(script, Script) for scene in script.scenes.values()]
    assert {type(step) for scene in scenes for step in scene.steps} == set(STEP_KINDS.values())
    assert {type(trigger) for scene in scenes for trigger in scene.triggers} == set(TRIGGER_KINDS.values())
    assert {type(condition) for scene in scenes for condition in scene.conditions} == set(CONDITION_KINDS.values())
    assert {scene.mode.kind for scene in scenes} == set(MODES)
    lines = [
        line for script in scripts if isinstance(script, Script) for test in script.tests for line in test.dialogue
    ]
    assert {type(line) for line in lines} == set(LINE_KINDS.values())


def test_the_reference_lists_every_filter_and_test() -> None:
    """An author would look for a filter that is not told, or use one that is gone."""
    for names in (environment().filters, environment().tests):
        listed = r"\s+".join(sorted(names))
        assert re.search(f"`{listed}`", REFERENCE), sorted(names)
