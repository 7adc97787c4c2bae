"""What changed between two texts of a script."""

import pytest

from shared.scripts.difference import MOST_LINES, Difference, difference


def compared(older: str, newer: str) -> Difference:
    """From one text to the other."""
    return difference(older, newer, older_name="old", newer_name="new")


@pytest.mark.parametrize(
    ("older", "newer", "unified", "added", "removed"),
    [
        ("a\nb\n", "a\nb\n", "", 0, 0),
        ("a\nb\n", "a\r\nb", "", 0, 0),
        ("a\nb\n", "a\nc\nd\n", "--- old\n+++ new\n@@ -1,2 +1,3 @@\n a\n-b\n+c\n+d", 2, 1),
        ("-- a\n", "++ b\n", "--- old\n+++ new\n@@ -1 +1 @@\n--- a\n+++ b", 1, 1),
        ("", "a", "--- old\n+++ new\n@@ -0,0 +1 @@\n+a", 1, 0),
    ],
)
def test_lines_that_came_and_went_are_shown_and_counted(
    older: str, newer: str, unified: str, added: int, removed: int
) -> None:
    """If this broke, a push would change more or less than the operator had seen."""
    assert compared(older, newer) == Difference(unified, added, removed)


def test_a_text_that_is_too_long_is_told_whole() -> None:
    """If this broke, two files filled up with comments would keep the deployer busy for half a minute."""
    older = "\n".join(f"# {number % 90}" for number in range(MOST_LINES))
    newer = "\n".join(f"# {number % 97}" for number in range(MOST_LINES))
    change = compared(older, newer)
    assert (change.added, change.removed) == (MOST_LINES, MOST_LINES)
    assert change.unified.startswith(f"--- old\n+++ new\n@@ -1,{MOST_LINES} +1,{MOST_LINES} @@\n-# 0\n-# 1\n")
    assert compared(older, older) == Difference("", 0, 0)
