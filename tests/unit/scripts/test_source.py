"""From text to plain data: the YAML that is accepted, and the words for what is not."""

import pytest

from shared.scripts.errors import ScriptProblem
from shared.scripts.source import Document, read_document


def _plain(text: str) -> object:
    outcome = read_document(text)
    assert isinstance(outcome, Document), str(outcome)
    return outcome.root.plain()


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("true", True),
        ("~", None),
        ("012", 12),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("2024-01-01", "2024-01-01"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("12:30", "12:30"),
    ],
)
def test_scalars_follow_the_core_schema(written: str, value: object) -> None:
    """A word would change its meaning between YAML 1.1 and 1.2."""
    assert _plain(f"a: {written}") == {"a": value}


def test_aliases_stand_for_what_they_name() -> None:
    """An author who repeats a step by an alias would lose it."""
    assert _plain("a: &x [1, 2]\nb: [*x, *x]") == {"a": [1, 2], "b": [[1, 2], [1, 2]]}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\nb: 2\na: 3", 3, 1, "written twice"),
        ("a: [b, @c]", 1, 8, 'in quotes: "@name"'),
        ("a: {{ x }}", 1, 5, "begins with {{"),
        ("a: !!python/object x", 1, 4, "tags such as"),
        ("a: !thing x", 1, 4, "tags such as"),
        ("a:\n  <<: b", 2, 3, "merge keys"),
        ("a: .inf", 1, 4, "finite"),
        ("a: 99999999999999999999", 1, 4, "64 bits"),
        ("a: &b [*b]", 1, 8, "inside its own anchor"),
        ("a: &one 1\nb: *on", 2, 4, "did you mean 'one'"),
        ("--- a\n--- b", 2, 1, "a second document"),
        ("%YAML 1.1\n---\na: 1", 2, 1, "YAML 1.2"),
        ("a:\n\t- b", 2, 1, "indent with spaces"),
        ("a: b: c", 1, 5, "must be in quotes"),
        ('a: "\\uD83D"', 1, 4, "surrogate"),
        ('a: "b\\0"', 1, 4, "NUL"),
        ('a: "\\U11000000"', 1, 1, "not YAML"),
        ("a: \x00", 1, 1, "unacceptable character"),
        ("a: \ud800", 1, 1, "not Unicode"),
        ("", 1, 1, "empty"),
        ("a: [1", 1, 6, "expected"),
    ],
)
def test_each_refusal_names_its_place(text: str, line: int, column: int, words: str) -> None:
    """The author would have to search for the mistake."""
    outcome = read_document(text)
    assert isinstance(outcome, ScriptProblem)
    assert (outcome.line, outcome.column) == (line, column)
    assert words in str(outcome)


def test_places_of_keys_values_and_aliases_are_found() -> None:
    """A later problem would point at the wrong line."""
    document = read_document("a: &x\n  b: 1\nc: *x\nd:\n  - e: 2\n")
    assert isinstance(document, Document)
    assert document.locate(("c", "b")) == (2, 6)
    assert document.locate(("d", 0, "e"), at_key=True) == (5, 5)
    assert document.locate(("d", 0, "missing")) == (5, 5)
