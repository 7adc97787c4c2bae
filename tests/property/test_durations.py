"""Durations, written and read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.scripts.durations import format_duration, parse_duration


@given(st.integers(min_value=0, max_value=7 * 86_400_000))
def test_durations_are_written_as_they_are_read(milliseconds: int) -> None:
    """Messages would show a duration that means something else when copied into a script."""
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)
