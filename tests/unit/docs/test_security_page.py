"""The attacks of docs/security.md are tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
NAMED = re.findall(r"`(tests/\S+\.py)::(\w+)`", PAGE)


def test_every_attack_names_a_test() -> None:
    """A row without one would be a promise that nobody has tried."""
    rows = PAGE.partition("## Attacks")[2].splitlines()
    attacks = [row for row in rows if row.startswith("| ") and not row.startswith(("| who tries", "| ---"))]
    assert attacks
    assert len(attacks) == len(NAMED)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_the_tests_are_there(file: str, name: str) -> None:
    """A test that was renamed or removed would still be promised."""
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)
