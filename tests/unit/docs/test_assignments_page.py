"""docs/assignments.md tells what the code does: its table, its picture, its reasons and its settings."""

import re
from pathlib import Path

from services.registry.domain import assignments
from services.registry.domain.assignments import Assignment, Moved, moved
from services.registry.settings import Settings
from tests.unit.registry.happenings import EVENTS, OF_A_ROW, SOON

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "assignments.md").read_text("utf-8")
SAYING = (
    "domain/assignments.py",
    "use_cases/empty_draining.py",
    "use_cases/settle_silent.py",
    "use_cases/show_stranded.py",
)


def test_the_pages_table_is_the_codes() -> None:
    """An operator would wait for what never happens."""
    table = [line for line in (assignments.__doc__ or "").splitlines() if line.startswith("|")]
    assert "\n".join(table) in PAGE


def test_the_states_go_the_ways_that_are_drawn() -> None:
    """A way that is not drawn looks like a fault, and one that is not there is waited for."""
    drawn = set(re.findall(r"^ +(\S+) --> (\w+)", PAGE, re.MULTILINE))
    ways = set()
    for name, (event, *rows) in EVENTS.items():
        for row in (*rows, *([] if name in OF_A_ROW else [None])):
            outcome = moved(row, "a", event, SOON)
            if isinstance(outcome, Moved):
                before, after = _state(row), _state(outcome.after)
                ways |= {(before, after)} - {(each, each) for each in (before, after)}
    # A row that is forgotten is an end, and what a restored database learns is told in a chapter of its own.
    assert drawn == {(before, after) for before, after in ways if after != "[*]"}


def _state(row: Assignment | None) -> str:
    return "[*]" if row is None else row.state.value


def test_every_reason_of_the_page_is_said_by_the_code() -> None:
    """Who looks a reason up would not find it."""
    code = "".join((ROOT / "services" / "registry" / name).read_text("utf-8") for name in SAYING)
    chapter = PAGE.partition("## What a reason says")[2].partition("\n## ")[0]
    reasons = [line.strip("| ").split(" | ")[0] for line in chapter.splitlines() if line.startswith("| ")][2:]
    assert len(reasons) >= 10
    for reason in reasons:
        assert all(part.strip() in code for part in reason.split("…")), reason


def test_every_setting_of_the_page_exists() -> None:
    """A setting that is spelt wrong does nothing."""
    for name in re.findall(r"`CALLBOARD_(\w+)`", PAGE):
        assert name.lower() in Settings.model_fields
