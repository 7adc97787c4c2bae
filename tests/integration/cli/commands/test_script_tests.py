"""`scripts test`: a script's own tests, run here."""

import json
from pathlib import Path

import pytest

from services.cli.failures import ExitCode
from tests.integration.cli.commands.conftest import Callboard
from tests.integration.cli.commands.test_scripts import GOOD

MORE = """\
  - name: "in vain"
    dialogue:
      - guest: what
      - expect_nothing: true
      - guest: hello
        as: Mei
      - expect: Hello, Mei!
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A script with a test that passes and one that fails at its line 22."""
    file = tmp_path / "good.yaml"
    file.write_text(GOOD + MORE)
    return file


def test_a_failing_test_shows_all_that_is_needed(alone: Callboard, file: Path) -> None:
    """Which test, which line, what was expected, what was said instead, and what led there."""
    result = alone("scripts", "test", str(file))
    assert result.exit_code == ExitCode.FAILED
    assert result.stdout.splitlines() == [
        f"{file}: passed: greets",
        f"{file}:20:9: failed: in vain",
        "  dialogue[3] after 0s: expected (-) and said (+) differ",
        "    - Hello, Mei!",
        "    + Hello!",
        "  what happened:",
        "    +0s guest in @lobby: what",
        "    +0s Mei in @lobby: hello",
        "    +0s account in @lobby: Hello!",
    ]
    assert result.stderr == "callboard: 1 of 2 tests failed\n"


def test_what_passes_is_shown_when_asked_for(alone: Callboard, tmp_path: Path) -> None:
    """A test that passes for the wrong reason is found by reading what was said."""
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    quiet, verbose = alone("scripts", "test", str(file)), alone("scripts", "test", "--verbose", str(file))
    assert (quiet.exit_code, quiet.stdout) == (ExitCode.OK, f"{file}: passed: greets\n")
    assert verbose.stdout.endswith("    +0s guest in @lobby: hello\n    +0s account in @lobby: Hello!\n")


def test_for_programs(alone: Callboard, file: Path) -> None:
    """A build marks the line in the change that broke the test."""
    result = alone("scripts", "test", "--json", str(file))
    (verdict,) = json.loads(result.stdout)
    passed, failed = verdict["tests"]
    assert (result.exit_code, verdict["good"]) == (ExitCode.FAILED, False)
    assert (passed["passed"], passed["line"], failed["line"], failed["column"]) == (True, None, 20, 9)
    assert failed["transcript"][-1] == "+0s account in @lobby: Hello!"


def test_files_that_cannot_be_played(alone: Callboard, file: Path, tmp_path: Path) -> None:
    """One broken file must not hide the others, and is no success."""
    bad, bare = tmp_path / "bad.yaml", tmp_path / "bare.yaml"
    bad.write_text(GOOD.replace("reply:", "replay:"))
    bare.write_text(GOOD.split("tests:")[0])
    result = alone("scripts", "test", str(bad), str(bare), str(file))
    assert result.exit_code == ExitCode.FAILED
    assert f"{bad}:8:9: " in result.stdout
    assert f"{bare}: no tests" in result.stdout
    assert "1 of 3 files cannot be played and 1 of 2 tests failed" in result.stderr
    assert alone("scripts", "test", str(bare)).exit_code == ExitCode.OK
    assert alone("scripts", "test", "nothing.yaml").exit_code == ExitCode.USAGE
