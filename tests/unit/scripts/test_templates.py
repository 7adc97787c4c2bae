"""Texts: what they can say, and what they cannot do."""

from typing import Any

import pytest

from shared.scripts.filters import MAX_WORK, metered
from shared.scripts.templates import MAX_OUTPUT, Groups, Text, TextFailure, TextRefused, compile_text

NAMES: dict[str, Any] = {
    "sender": "Mei",
    "text": "hello world",
    "count": 2,
    "match": Groups({"0": "tea", "item": "tea", "1": "one"}),
}


def compiled(source: str) -> Text:
    """A text that is accepted."""
    outcome = compile_text(source)
    assert isinstance(outcome, Text), str(outcome)
    return outcome


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("Hello {{ sender }}!", "Hello Mei!"),
        ("{{ match.item | upper }} {{ match[1] }} {{ match }}", "TEA one tea"),
        ("{% for n in range(3) %}{{ loop.index }}{% endfor %}", "123"),
        ("{% if 'world' in text %}yes{% else %}no{% endif %}", "yes"),
        ("{{ text[:5] ~ '.' }} {{ text | replace('l', 'L') | truncate(7) }}", "hello. heLLo …"),
        ("{{ [1, 2] | join(', ') }} {{ (5 / 2) | round(1) }} {{ 7 % 4 }}", "1, 2 2.5 3"),
        ("{% raw %}{{ x }}{% endraw %}{# said by nobody #}", "{{ x }}"),
        ("<b> & 'quotes'", "<b> & 'quotes'"),
        ("  \n ", ""),
    ],
)
def test_texts_are_rendered(source: str, rendered: str) -> None:
    """The documented part of Jinja would not work, or escape what a chat should show."""
    assert compiled(source).render(NAMES) == rendered


@pytest.mark.parametrize(
    "source",
    [
        "{{ a",
        "{% if a %}",
        "{{ sender.__class__ }}",
        "{{ sender | attr('x') }}",
        "{{ text.upper() }}",
        "{{ cycler('a') }}",
        "{{ 2 ** 9 }}",
        "{% set a = 1 %}",
        "{% include 'a' %}",
        "{% macro f() %}{% endmacro %}",
        "{% for a in text %}{% endfor %}",
        "{% for a in range(9) %}{% for b in range(9) %}{% endfor %}{% endfor %}",
        "{{ {'a': 1} }}",
        "{{ self }}",
        "{{ x | shout }}",
        "{% if false %}{{ x | shout }}{% endif %}",
        "{{ x is wonderful }}",
        "{{ x | default(value=1) }}",
        "{{ " + "(" * 30 + "1" + ")" * 30 + " }}",
        "{{ " + "not " * 2000 + "1 }}",
        "{% if 1 %}" * 6 + "{% endif %}" * 6,
        "{{ 1 }}" * 1000,
        "x" * 4097,
    ],
)
def test_what_a_text_may_not_do_is_refused_when_it_is_compiled(source: str) -> None:
    """A text would fail in front of guests, or reach what is behind the sandbox."""
    assert isinstance(compile_text(source), TextRefused)


def test_a_conversations_texts_share_a_meter() -> None:
    """Each of a hundred texts would stay in its bounds, and all of them hold the node."""
    text = compiled("{% for n in range(100) %}{% if text | upper == '' %}{% endif %}{% endfor %}done")
    names = NAMES | {"text": "x" * 4096}
    assert text.render(names) == "done"
    with metered(MAX_WORK):
        assert text.render(names) == "done"
        assert isinstance(text.render(names), TextFailure)
    assert text.render(names) == "done"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ '12' | int + 1 }}", 13),
        ("{{ 'x' | int(7) }}", 7),
        ("{{ '9' * 1 }}", None),
        ("{{ big | int(5) }}", 5),
        ("{{ '1.9' | int }}", 1),
        ("{{ '1e999' | float(2) }}", 2.0),
        ("{{ 'nan' | float }}", 0.0),
        ("{{ '2.5' | float }}", 2.5),
        ("{{ [3, 1, 2] | max }}", 3),
        ("{{ [] | first | default('none') }}", "none"),
        ("{{ (text | last) ~ (text | first) }}", "dh"),
        ("{{ 'a' in text and 'h' in text }}", False),
        ("{{ 2 in [1, 2] and 2 is in [2] }}", True),
        ("{{ text | title }}", "Hello World"),
        ("{{ 'a' ~ 1 ~ true }}", "a1True"),
    ],
)
def test_numbers_stay_in_bounds_and_guests_may_write_anything(source: str, value: object) -> None:
    """A number of a guest that is too long would end the conversation, or grow until the node stands still."""
    outcome = compiled(source).evaluate(NAMES | {"big": "9" * 3000})
    assert isinstance(outcome, TextFailure) if value is None else outcome == value


def test_output_is_counted_as_telegram_counts() -> None:
    """Telegram would refuse a message that the engine took for short enough."""
    text = compiled("{{ big }}")
    assert text.render({"big": "x" * MAX_OUTPUT}) == "x" * MAX_OUTPUT
    assert isinstance(text.render({"big": "😀" * (MAX_OUTPUT // 2 + 1)}), TextFailure)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ count + 1 }}", 3),
        ("{{- count == 2 -}}", True),
        ("{{ count / 4 }}", 0.5),
        ("{{ sender }}", "Mei"),
        ("{{ count }}!", "2!"),
        ("{{ count }}{{ count }}", "22"),
        ("plain", "plain"),
    ],
)
def test_a_value_keeps_its_type_when_it_is_one_expression(source: str, value: object) -> None:
    """A counter would become text, and its next addition a fault."""
    outcome = compiled(source).evaluate(NAMES)
    assert outcome == value
    assert type(outcome) is type(value)


@pytest.mark.parametrize("source", ["{{ [1] }}", "{{ none }}", "{{ missing }}", "{{ big ~ big }}", "{{ 1e308 * 10 }}"])
def test_a_variable_refuses_what_a_snapshot_cannot_hold(source: str) -> None:
    """A conversation could not be saved, or would grow without end."""
    assert isinstance(compiled(source).evaluate({"big": "x" * 600}), TextFailure)


def test_a_text_knows_what_it_asks_for() -> None:
    """The check would miss an unknown name, or complain of one that the text itself guards."""
    text = compiled(
        "{{ sender }} {{ match.item }} {{ match[1] }} {% for n in range(2) %}{{ loop.index ~ n }}{% endfor %}"
    )
    assert text.names == {"sender", "match"}
    assert text.groups == {"item", "1"}
    assert compiled("{{ match.item | default('') }}{{ match.item }}").groups == frozenset()
    assert compiled("{% if match.item is defined %}{{ match.item }}{% endif %}").groups == frozenset()
