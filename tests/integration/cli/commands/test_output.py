"""How values are shown."""

from datetime import UTC, datetime

import pytest

from services.cli.cells import age, cell, visible

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2026-01-01T23:59:48Z", "12 s ago"),
        ("2026-01-01T23:57:00+00:00", "3 min ago"),
        ("2026-01-01T18:00:00Z", "6 h ago"),
        ("2025-12-30T00:00:00Z", "3 d ago"),
        ("2026-01-02T00:00:05Z", "0 s ago"),
        ("yesterday", "yesterday"),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00"),
        (None, ""),
    ],
)
def test_ages(instant: str | None, shown: str) -> None:
    """A node's last sign of life must be read at a glance, and a clock that is off must not break the table."""
    assert age(instant, NOW) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), ("", "-"), (0, "0"), (True, "yes"), ([], "-"), (["a", "b"], "a, b"), ({"a": {"b": 1}}, 'a={"b": 1}')],
)
def test_cells(value: object, shown: str) -> None:
    """A zero that is shown as nothing hides an account that never answered."""
    assert cell(value).plain == shown


def test_text_of_any_language_is_left_alone() -> None:
    """The operators' words are Chinese; only control characters are made visible."""
    assert visible("劇本 ok\x07\x9b") == "劇本 ok\\x07\\x9b"
