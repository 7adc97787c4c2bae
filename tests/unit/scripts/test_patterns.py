"""Patterns: which are accepted, what they find, and that none of them can run away."""

import time

import pytest

from shared.scripts.patterns import MAX_SUBJECT, Pattern, PatternRefused, compile_pattern


def _pattern(source: str) -> Pattern:
    outcome = compile_pattern(source)
    assert isinstance(outcome, Pattern), str(outcome)
    return outcome


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("how much (is|are) (?P<item>\\w+)", "How much are tickets?"),
        ("https?://(www\\.)?shop", "see HTTP://shop"),
        ("價格|多少錢", "請問多少錢?"),
        ("^/start$", "/start"),
        ("(?:ab|c)*d", "ababcd"),
        ("\\p{Han}{2}", "價格"),
        ("straße", "STRAẞE"),
    ],
)
def test_useful_patterns_are_accepted(source: str, text: str) -> None:
    """An author could not write what a desk needs."""
    assert _pattern(source).search(text) is not None


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("(a)\\1", "does not compile"),
        ("a(?=b)", "looking ahead or behind is not available"),
        ("a\\Z", "the end of the text is"),
        ("a{2000}", "does not compile"),
        ("(a{100}){50}", "does not compile"),
        ("(k{40}){20}", "too large"),
        ("(", "does not compile"),
        ("a" * 201, "200 characters"),
    ],
)
def test_broken_and_huge_patterns_are_refused_with_advice(source: str, words: str) -> None:
    """An author would not learn what to write instead."""
    outcome = compile_pattern(source)
    assert isinstance(outcome, PatternRefused)
    assert words in outcome.message


@pytest.mark.parametrize(
    "source",
    [
        "(a+)+$",
        "(a|a)*$",
        "(?:aa|a)*b",
        ".*a.*a.*a.*a.*b",
        "a?" * 90 + "b",
        "(?:a?){600}b",
        "(.{1,100})(.{1,100})z",
        "(?:.{0,15}a){10}z",
        "(x+x+)+y",
    ],
)
@pytest.mark.parametrize("text", ["a" * 4096, "ab" * 2048, "茶" * 4096, "x" * 4096])
def test_no_pattern_runs_away(source: str, text: str) -> None:
    """One message of a guest could stop a node for hours: each of these would take a backtracking matcher years."""
    pattern = _pattern(source)
    began = time.process_time()
    pattern.search(text)
    assert time.process_time() - began < 0.2


def test_groups_are_found_by_number_and_name() -> None:
    """`match.item` would be unknown, or None where a group took no part."""
    pattern = _pattern("(?P<item>tea|茶)( please)?")
    assert pattern.groups == {"0", "1", "2", "item"}
    assert pattern.search("TEA") == {"0": "TEA", "1": "TEA", "2": "", "item": "TEA"}
    assert pattern.search("一杯茶") == {"0": "茶", "1": "茶", "2": "", "item": "茶"}
    assert pattern.search(" " * MAX_SUBJECT + "tea") is None
