"""Whatever is thrown at the language: the check never raises, and what it accepts can be played."""

import json
import random
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.scripts import Engine, Script, ScriptProblems, parse_script, run_tests
from shared.scripts.patterns import compile_pattern
from shared.scripts.templates import Text, compile_text
from tests.support.scripts.generated import Moment, documents, moments, sound_documents
from tests.support.scripts.playing import (
    NOON,
    fits_the_schema,
    forget_everything_compiled,
    happen,
    keeps_its_pace,
    play,
    verdict_on,
)
from tests.support.scripts.rows import Rows

EXAMPLES = [path.read_text("utf-8") for path in sorted(Path(__file__).parents[2].glob("examples/scripts/*.yaml"))]
BOUNDED = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@BOUNDED
@given(st.text(max_size=400))
def test_any_text_has_an_outcome(text: str) -> None:
    """A pasted file would raise in the deployer or on a node."""
    assert isinstance(parse_script(text), Script | ScriptProblems)


@BOUNDED
@given(st.text(alphabet="{}[]&*!|>'\"%@`#,:?-<~\\ \t\n\x85\ufeffaU0x", max_size=60))
def test_any_heap_of_yaml_signs_has_an_outcome(text: str) -> None:
    """The YAML scanner's own errors would come through."""
    assert isinstance(parse_script(text), Script | ScriptProblems)


@BOUNDED
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "chats", "scenes", "steps", "triggers", "tests", "a"]), inner, max_size=4
            )
        ),
    )
)
def test_any_document_has_an_outcome(document: Any) -> None:
    """A document of the wrong shape would break the words for it."""
    assert isinstance(parse_script(json.dumps(document)), Script | ScriptProblems)


@settings(BOUNDED, max_examples=20)
@given(st.sampled_from(EXAMPLES), st.data())
def test_a_damaged_example_has_an_outcome(text: str, data: st.DataObject) -> None:
    """A slip of the hand in a good script would raise; what is still accepted must be playable."""
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(begin, min(len(text), begin + 30)))
        put = data.draw(st.one_of(st.text(max_size=5), st.sampled_from(["\n", "- ", "{{ ", "goto: hint", "*x", "&x "])))
        text = text[:begin] + put + text[end:]
    outcome = parse_script(text)
    assert isinstance(outcome, Script | ScriptProblems)
    if isinstance(outcome, Script):
        assert len(run_tests(outcome)) == len(outcome.tests)


@settings(BOUNDED, max_examples=50)
@given(documents(), moments(), st.integers(0, 10**6))
def test_check_and_node_agree_and_what_is_accepted_plays(
    document: dict[str, Any], happening: list[Moment], seed: int
) -> None:
    """A script would pass the check and raise on the node, or a restart would change what it says."""
    outcome = verdict_on(document)
    if isinstance(outcome, Script):
        play(outcome, happening, seed)


@settings(BOUNDED, max_examples=20)
@given(sound_documents())
def test_a_sound_script_is_accepted(document: dict[str, Any]) -> None:
    """The check would cry wolf, and authors would stop listening."""
    outcome = parse_script(json.dumps(document, ensure_ascii=False))
    assert isinstance(outcome, Script), str(outcome)


@settings(BOUNDED, max_examples=20)
@given(documents())
def test_the_schema_refuses_nothing_that_the_check_accepts(document: dict[str, Any]) -> None:
    """An editor would mark a good script as wrong."""
    accepted = isinstance(verdict_on(document), Script)
    assert fits_the_schema(document) or not accepted


@settings(BOUNDED, max_examples=12)
@given(documents())
def test_a_verdict_does_not_depend_on_what_was_compiled_before(document: dict[str, Any]) -> None:
    """A node that has just started would judge otherwise than a deployer that runs for weeks."""
    before = verdict_on(document)
    forget_everything_compiled()
    assert verdict_on(document) == before


@settings(BOUNDED, max_examples=20)
@given(sound_documents(timed=False), moments(), st.integers(0, 10**6), st.sampled_from([1, 2, 3, 5]))
def test_what_is_accepted_keeps_its_pace(
    document: dict[str, Any], happening: list[Moment], seed: int, limit: int
) -> None:
    """The check would let through a script that its own limits hold up."""
    document = document | {"limits": {"per_chat_per_minute": limit, "per_account_per_minute": limit + 1}}
    script = parse_script(json.dumps(document, ensure_ascii=False))
    if isinstance(script, Script):
        for moment in happening:
            keeps_its_pace(script, moment, seed)


@settings(BOUNDED, max_examples=20)
@given(sound_documents(), sound_documents(), moments())
def test_any_reload_can_be_played(before: dict[str, Any], after: dict[str, Any], happening: list[Moment]) -> None:
    """A push while people are being talked to would raise on the node, or leave rows behind that nothing reads."""
    old, new = (parse_script(json.dumps(each, ensure_ascii=False)) for each in (before, after))
    assert isinstance(old, Script)
    assert isinstance(new, Script)
    engine, rows, now = Engine(old, random.Random(1)), Rows(), NOON
    for index, moment in enumerate(happening):
        now += moment[-1]
        happen(engine, moment, now)
        engine = engine.reloaded(new if index % 2 == 0 else old)
        rows.write(engine.take_changes())
        restored = Engine(new if index % 2 == 0 else old, random.Random(1), rows.state())
        assert not restored.take_changes()
        assert restored.next_wake() == engine.next_wake()


@BOUNDED
@given(st.text(alphabet="{}%()[]|~+-*/<>=!.,'\"# ifornabcx019_\n", max_size=60), st.booleans())
def test_any_template_has_an_outcome(source: str, expression: bool) -> None:
    """A text would raise when it is compiled or rendered."""
    text = compile_text("{{ " + source + " }}" if expression else source)
    if isinstance(text, Text):
        text.render({"a": 1, "b": "x"})
        text.evaluate({"a": 1, "b": "x"})


@BOUNDED
@given(st.text(alphabet="()[]{}|?*+.^$\\:=!<>Pabdsw,-0129", max_size=40))
def test_any_pattern_has_an_outcome(source: str) -> None:
    """A pattern would raise in the check."""
    compile_pattern(source)
