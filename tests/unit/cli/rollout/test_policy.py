"""Options and a file together, and how a mistake is named that only the deployer sees."""

from pathlib import Path
from typing import Any

import pytest
import typer

from services.cli.failures import CommandFailed
from services.cli.rollout.options import read_policy

FILE = """\
groups: [1, 10%, 100%]
timers:
  receive_seconds: 300
stop:
  - failed_percent: 20
    causes:
      - tests_failed
      - bad_luck
window: {from: 22:00, to: 04:00}
"""


@pytest.fixture
def careful(tmp_path: Path) -> Path:
    """A file with a policy."""
    path = tmp_path / "careful.yaml"
    path.write_text(FILE)
    return path


def test_an_option_wins_over_the_same_field_of_the_file(careful: Path) -> None:
    """Tonight's exception must not need a copy of the file; and one timer is no reason to lose the others."""
    given: dict[str, Any] = {"rollout": careful, "groups": "2,rest", "apply": "10m", "dynamic": False, "stop": None}
    assert read_policy(given).fields == {
        "groups": [2, "100%"],
        "timers": {"receive_seconds": 300, "apply_seconds": 600},
        "stop": [{"failed_percent": 20, "causes": ["tests_failed", "bad_luck"]}],
        "window": {"from": "22:00", "to": "04:00"},
    }


def test_nothing_given_is_no_policy() -> None:
    """A plain push stays a plain push."""
    assert read_policy({"groups": None, "stop": None, "dynamic": False, "rollout": None}).fields == {}


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("body.rollout.groups.1", "--groups"),
        ("body.rollout.rate.factor", "--rate (factor)"),
        ("body.rollout.timers.receive_seconds", "careful.yaml:3:3: timers.receive_seconds"),
        ("body.rollout.timers.apply_seconds", "--apply"),
        ("body.rollout.stop.0.causes.1", "careful.yaml:8:9: stop.0.causes.1"),
        ("body.rollout.window.to", "careful.yaml:9:23: window.to"),
        ("body.rollout.rat", "careful.yaml:1:1: rat"),
        ("body.rollout", "careful.yaml:1:1"),
        ("body.selector", None),
        ("body.rollouts", None),
    ],
)
def test_a_mistake_is_named_where_it_was_written(
    careful: Path, field: str, named: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`body.rollout.stop.0.causes.1` is nothing that an operator has written."""
    monkeypatch.chdir(careful.parent)
    policy = read_policy({"rollout": Path("careful.yaml"), "groups": "1,rest", "rate": "5 x2 after 9", "apply": "1m"})
    assert policy.named(field) == named


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "1:1: a policy is made of fields"),
        (b"- 1\n- 2\n", "1:1: a policy is made of fields"),
        (b"groups: [1\nrate: 5\n", "2:5: "),
        (b"groups: [1]\ngroups: [2]\n", "2:1: 'groups' is written twice"),
        (b"groups: \xff\n", "1:1: is not UTF-8 text (byte 8)"),
        (b"#" * 300_000, "1:1: is over the limit"),
    ],
)
def test_a_file_that_is_no_policy(tmp_path: Path, content: bytes, says: str) -> None:
    """An editor jumps to FILE:LINE:COLUMN."""
    path = tmp_path / "careful.yaml"
    path.write_bytes(content)
    with pytest.raises(CommandFailed) as refused:
        read_policy({"rollout": path})
    assert f"{path}:{says}" in refused.value.details[0]
    assert "nothing was ordered" in refused.value.sentence


def test_an_option_that_is_not_understood_is_named() -> None:
    """Three options with a percentage in them: which one is wrong?"""
    with pytest.raises(typer.BadParameter) as refused:
        read_policy({"success": "95", "stop": ["5%", "101% of 10"]})
    assert refused.value.param_hint == "'--stop'"
    assert "'101' is no share of the nodes" in refused.value.message
