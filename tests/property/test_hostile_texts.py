"""The dearest texts that there are: none of them holds a node, or the service that checks it."""

import time

import pytest

from shared.scripts.templates import MAX_SOURCE, Text, TextFailure, compile_text
from tests.unit.scripts.test_templates import NAMES, compiled


@pytest.mark.parametrize(
    "expression",
    [
        "x" + " | upper" * 39,
        "not " * 75 + "x",
        "- " * 75 + "x",
        "x" + " * x" * 38,
        "x" + " + x" * 38,
        "x" + " ~ x" * 38,
        "x if x else " * 15 + "x",
        "x" + "[0]" * 25,
        "(" * 8 + "x" + ")" * 8,
        "x" + " < x" * 38,
    ],
)
def test_the_most_tangled_accepted_texts_compile(expression: str) -> None:
    """The bounds would leave it to the machine's stack whether a text is accepted."""
    text = compiled("{{ " + expression + " }}")
    assert isinstance(text.render({"x": 1}), str | TextFailure)


@pytest.mark.parametrize(
    "source",
    [
        "{{ missing }}",
        "{{ match.other }}",
        "{{ 1 / 0 }}",
        "{{ text * 1000000 }}",
        "{{ '%999999999d' % count }}",
        "{{ range(1000000) }}",
        "{{ range(50) | join(big) | join(big) | join(big) }}",
        "{{ big | replace('', big) | replace('', big) }}",
        "{{ count | round(99) }}",
        "{{ big }}{{ big }}",
        "{{ 9223372036854775807 + 1 }}",
        "{{ big ~ big ~ big ~ big ~ big ~ big }}",
    ],
)
def test_a_failure_is_told_and_quick(source: str) -> None:
    """A text could take the node's memory or time, or raise through the engine."""
    began = time.process_time()
    outcome = compiled(source).render(NAMES | {"big": "x" * 4000})
    assert isinstance(outcome, TextFailure)
    assert outcome.message
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "expression",
    [
        "text | title | length",
        "range(100) | join(',') | length",
        "range(100) | max",
        "text | max",
        "(text ~ text) | upper | lower | length",
        "text | replace('a', 'bb') | length",
        "('a' ~ text ~ 'b') in (text ~ text ~ text)",
        "text ~ 1 < text ~ 2",
        "text[::-1][::2] | length",
        "(text + text + text) | length",
        "[1, 2, 3] + [4] == [5]",
        "count * count * count * count // 3 % 2",
        "digits | int(0) * 3",
        "digits | float",
        "count and count or not count",
        "1 if count else 2",
        "text is in [text, text]",
        "count",
    ],
)
def test_no_text_works_for_long(expression: str) -> None:
    """A text that says little could compute for minutes: a loop of the dearest things that texts can do."""
    unit = "{% if (" + expression + ") == -7 %}x{% endif %}"
    room = (MAX_SOURCE - 60) // len(unit)
    outcomes = [compile_text("{% for n in range(100) %}" + unit * times + "{% endfor %}") for times in (1, 8, room)]
    for text in outcomes:
        began = time.process_time()
        if isinstance(text, Text):
            text.render(NAMES | {"text": "a " * 2048, "digits": "9" * 4096})
        assert time.process_time() - began < 0.5
    assert isinstance(outcomes[0], Text)


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "- " * 70 + "1 }}",
        "{{ n[" + "0][" * 6 + "0] }}",
        "{% if n %}{% endif %}",
        "{{ n | upper }}",
        "{# #}",
        "a",
    ],
)
def test_no_text_compiles_for_long(source: str) -> None:
    """One pushed file could hold the deployer for minutes."""
    began = time.process_time()
    compile_text(source * (MAX_SOURCE // len(source)))
    assert time.process_time() - began < 0.5
