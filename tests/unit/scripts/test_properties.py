"""Whatever is thrown at the language: the check never raises, and what it accepts can be played."""

import json
import random
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.scripts import Engine, Incoming, Script, ScriptProblems, parse_script, run_tests
from shared.scripts.patterns import compile_pattern
from shared.scripts.templates import Text, compile_text

EXAMPLES = [path.read_text("utf-8") for path in sorted(Path(__file__).parents[3].glob("examples/scripts/*.yaml"))]
BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCENE_NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(
    [
        "hi",
        "",
        "{{ sender }}",
        "{{ n + 1 }}",
        "{{ match.args }}",
        "{{ 1 / n }}",
        "{{ match[1] }}",
        "{{ text }}",
        "{{ nn }}",
    ]
)
WAITS = st.sampled_from(["0s", "1s", "2m", ["1s", "3s"], ["5s", "1s"], 3])
STEPS = st.one_of(
    st.builds(lambda text: {"reply": text}, TEXTS),
    st.builds(lambda text, chat: {"send": {"text": text, "chat": chat}}, TEXTS, st.sampled_from(["@hall_one", "@x"])),
    st.builds(lambda text: {"send": text}, TEXTS),
    st.builds(lambda text: {"set": {"n": text}}, st.one_of(TEXTS, st.integers(-3, 3), st.booleans())),
    st.builds(lambda wait: {"wait": wait}, WAITS),
    st.builds(lambda scene: {"goto": scene}, SCENE_NAMES),
    st.just("stop"),
)
TRIGGERS = st.sampled_from(
    [
        {"message": {"text": "hi"}},
        {"message": {"contains": "price"}},
        {"message": {"pattern": "(\\d+) (tea|cake)?"}},
        {"message": {"pattern": "(a+)+"}},
        {"command": "/go"},
        {"every": "30s"},
        {"every": {"interval": "1m", "chat": "@hall_one"}},
    ]
)
SCENES = st.builds(
    lambda triggers, mode, steps: {"triggers": triggers, "mode": mode, "steps": steps},
    st.lists(TRIGGERS, max_size=2),
    st.sampled_from(["single", "restart"]),
    st.lists(STEPS, min_size=1, max_size=4),
)
DOCUMENTS = st.builds(
    lambda scenes: {"id": "made", "chats": ["@hall_one", "private"], "variables": {"n": 0}, "scenes": scenes},
    st.dictionaries(SCENE_NAMES, SCENES, min_size=1, max_size=3),
)
SAFE_TEXTS = st.sampled_from(
    ["hi", "", "{{ n }}", "{{ 1 / (n | int(0)) }}", "{% for i in range(n) %}{{ i }}{% endfor %}", "{{ [n, o] | join }}"]
)
MESSAGE_TEXTS = st.one_of(
    SAFE_TEXTS, st.sampled_from(["{{ sender }}", "{{ text }}", "{{ match[0] }}", "{{ match.args | default(n) }}"])
)
BEGINNINGS: list[dict[str, Any]] = [
    {"message": {"text": "hi"}},
    {"message": {"contains": "price"}},
    {"message": {"pattern": "(\\d+) (tea|cake)?"}},
    {"command": "/go"},
]


@st.composite
def _sound_scene(draw: st.DrawFn, trigger: dict[str, Any], gotos: list[str]) -> dict[str, Any]:
    """A scene with nothing in it that the check has a reason to refuse."""
    timed = "every" in trigger
    texts = SAFE_TEXTS if timed else MESSAGE_TEXTS
    values = st.one_of(texts, st.sampled_from(["{{ n + 1 }}", "{{ o ~ n }}"]), st.integers(-3, 3), st.booleans())
    kinds = [
        st.builds(lambda text: {"send": text}, texts),
        st.builds(lambda text: {"send": {"text": text, "chat": "@hall_one"}}, texts),
        st.builds(lambda value, name: {"set": {name: value}}, values, st.sampled_from(["n", "o"])),
        st.builds(lambda wait: {"wait": wait}, st.sampled_from(["0s", "1s", "2m", ["0s", "1s"], ["1s", "30s"]])),
    ]
    if not timed:
        kinds.append(st.builds(lambda text: {"reply": text}, texts))
    steps: list[Any] = draw(st.lists(st.one_of(kinds), min_size=1, max_size=4))
    ending = draw(st.sampled_from(["", "stop", "goto"]))
    if ending == "stop":
        steps.append("stop")
    elif ending == "goto" and not timed:
        steps += [{"wait": "1s"}, {"goto": draw(st.sampled_from(gotos))}]
    return {"triggers": [trigger], "mode": draw(st.sampled_from(["single", "restart"])), "steps": steps}


@st.composite
def _sound_document(draw: st.DrawFn) -> dict[str, Any]:
    """A script that must be accepted."""
    triggers = draw(st.permutations(BEGINNINGS))[: draw(st.integers(1, 3))]
    names = ["a", "b", "c"][: len(triggers)]
    scenes = {name: draw(_sound_scene(trigger, names)) for name, trigger in zip(names, triggers, strict=True)}
    if draw(st.booleans()):
        scenes["timed"] = draw(_sound_scene({"every": draw(st.sampled_from(["30s", "1m"]))}, []))
    chats = ["@hall_one", "private"]
    return {"id": "made", "chats": chats, "variables": {"n": 0, "o": "x"}, "scenes": scenes}


MOMENTS = st.lists(
    st.tuples(
        st.sampled_from(["hi", "/go", "/go 5", "12 tea", "price", "aaaa", "", "x" * 5000, "12 \ud800"]),
        st.integers(1, 3),
        st.floats(0, 100),
    ),
    max_size=12,
)


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


@settings(BOUNDED, max_examples=40)
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


@settings(BOUNDED, max_examples=30)
@given(DOCUMENTS)
def test_any_script_has_the_same_outcome_twice(document: dict[str, Any]) -> None:
    """The check would accept what the node refuses: the outcome would depend on more than the text."""
    first, second = parse_script(json.dumps(document)), parse_script(json.dumps(document))
    assert first == second
    assert isinstance(first, Script) or first.problems


@settings(BOUNDED, max_examples=50)
@given(_sound_document(), MOMENTS, st.integers(0, 10**6))
def test_what_is_accepted_can_be_played(
    document: dict[str, Any], moments: list[tuple[str, int, float]], seed: int
) -> None:
    """A script that passed the check would raise on the node, or its conversations could not be saved."""
    script = parse_script(json.dumps(document))
    assert isinstance(script, Script), str(script)
    engine, now = Engine(script, random.Random(seed)), 0.0
    for text, sender, passed in moments:
        now += passed
        incoming = Incoming("@hall_one", f"G{sender}", sender, text, 1)
        for effect in engine.on_message(incoming, now) + engine.on_time(now):
            assert effect.chat == "@hall_one"
        wake = engine.next_wake()
        assert wake is None or wake >= now
        engine = _saved_and_restored(engine, script, seed)


@settings(BOUNDED, max_examples=20)
@given(_sound_document(), _sound_document(), MOMENTS)
def test_any_reload_can_be_played(
    before: dict[str, Any], after: dict[str, Any], moments: list[tuple[str, int, float]]
) -> None:
    """A push while people are being talked to would raise on the node."""
    old, new = parse_script(json.dumps(before)), parse_script(json.dumps(after))
    assert isinstance(old, Script)
    assert isinstance(new, Script)
    engine = Engine(old, random.Random(1))
    for index, (text, sender, _) in enumerate(moments):
        engine.on_message(Incoming("private:7", "G", sender, text, 1), float(index))
        engine = engine.reloaded(new if index % 2 else old)
        engine.on_time(index + 0.5)


def _saved_and_restored(engine: Engine, script: Script, seed: int) -> Engine:
    snapshot = engine.snapshot()
    restored = Engine.restored(script, json.loads(json.dumps(snapshot)), random.Random(seed))
    assert isinstance(restored, Engine)
    assert restored.snapshot() == snapshot
    return restored


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
