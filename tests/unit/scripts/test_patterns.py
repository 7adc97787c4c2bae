"""Patterns: which are accepted, and that an accepted one comes to an end."""

import time

import pytest

from shared.scripts.patterns import MAX_SUBJECT, Pattern, PatternRefused, compile_pattern


@pytest.mark.parametrize(
    "source",
    [
        "how much (is|are) (?P<item>\\w+)",
        "https?://(www\\.)?shop",
        "(?:a{3})+",
        "[ab]+",
        "價格|多少錢",
        "^/start$",
        "x{2,5}",
    ],
)
def test_useful_patterns_are_accepted(source: str) -> None:
    """An author could not write what a desk needs."""
    assert isinstance(compile_pattern(source), Pattern)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("(a+)+$", "repeat inside a repeat"),
        ("(a?){25}a{25}", "repeat inside a repeat"),
        ("(?:aa|a)*b", "alternatives inside a repeat"),
        (".*.*.*.*x", "too many ways"),
        ("a?" * 30 + "a{30}", "too many ways"),
        ("(a|ab)(c|bcd)" * 15, "too many ways"),
        ("(a)\\1", "earlier groups"),
        ("a{2000}", "at most"),
        ("(", "does not compile"),
        ("[[a]", "does not compile"),
        ("a" * 201, "200 characters"),
    ],
)
def test_dangerous_and_broken_patterns_are_refused(source: str, words: str) -> None:
    """One message of a guest could stop a node for hours."""
    for _ in range(2):  # Python warns of some patterns only the first time it sees them
        outcome = compile_pattern.__wrapped__(source)
        assert isinstance(outcome, PatternRefused)
        assert words in outcome.message


def test_a_bad_text_for_an_accepted_pattern_ends() -> None:
    """The bound on the subject would not hold, and the worst text would take minutes."""
    pattern = compile_pattern(".*a.*a.*ab")
    assert isinstance(pattern, Pattern)
    began = time.process_time()
    assert pattern.search("a" * 100_000) is None
    assert time.process_time() - began < 2


def test_groups_are_found_by_number_and_name() -> None:
    """`match.item` would be unknown, or None where a group took no part."""
    pattern = compile_pattern("(?P<item>tea)( please)?")
    assert isinstance(pattern, Pattern)
    assert pattern.groups == {"0", "1", "2", "item"}
    assert pattern.search("TEA") == {"0": "TEA", "1": "TEA", "2": "", "item": "TEA"}
    assert pattern.search(" " * MAX_SUBJECT + "tea") is None
