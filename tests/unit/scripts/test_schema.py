"""The published JSON Schema: fresh, sound, and of the same opinion as the check about what people write."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shared.scripts import Script, parse_script
from shared.scripts.almanac import TIME_OF_DAY
from shared.scripts.conditions import CONDITION_KINDS
from shared.scripts.dialogue import LINE_KINDS
from shared.scripts.durations import SPELLING, parse_duration
from shared.scripts.model import Scene
from shared.scripts.source import Document, read_document
from shared.scripts.steps import ALTERNATIVE_KINDS, STEP_KINDS
from shared.scripts.triggers import TRIGGER_KINDS
from tools.script_schema import PATH, rendered, script_schema

ROOT = Path(__file__).parents[3]
SCHEMA = script_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
REFERENCE = re.findall(
    r"^```yaml\n(.*?)^```", (ROOT / "docs" / "scripts.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)
EXAMPLES = [path.read_text("utf-8") for path in sorted((ROOT / "examples" / "scripts").glob("*.yaml"))]
SOUND = """\
id: made
chats: ["@hall_one", -100123, private]
scenes:
  hello:
    triggers: [{message: {text: hi}}]
    steps: [{reply: hi}]
"""


def _plain(text: str) -> Any:
    document = read_document(text)
    assert isinstance(document, Document), str(document)
    return document.root.plain()


def test_the_schema_is_fresh() -> None:
    """Editors would complete what the check refuses; `make docs` writes it anew."""
    assert PATH.read_text("utf-8") == rendered(), "docs/script.schema.json is stale: run `make docs`"


def test_the_schema_is_one() -> None:
    """Editors would ignore it."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("text", [*EXAMPLES, *REFERENCE, SOUND])
def test_what_we_show_is_valid(text: str) -> None:
    """An editor would mark our own examples as wrong."""
    assert [error.message for error in VALIDATOR.iter_errors(_plain(text))] == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("id: made", "id: Made"),
        ("id: made\n", "id: made\ntitel: x\n"),
        ("id: made\n", "id: made\nlimits: {late: 5}\n"),
        ("id: made\n", "id: made\nlimits: {per_chat_per_minute: 21}\n"),
        ("id: made\n", "id: made\ntimezone: 5\n"),
        ("id: made\n", "id: made\nvariables: {Big: 1}\n"),
        ("id: made\n", "id: made\naccount_variables: {big: [1]}\n"),
        ('"@hall_one"', "hall_one"),
        ("  hello:", "  Hello:"),
        ("message", "mesage"),
        ("{text: hi}", "{}"),
        ("{text: hi}", "{text: hi, contains: hi}"),
        ("{message: {text: hi}}", "{command: price}"),
        ("{message: {text: hi}}", "{mention: false}"),
        ("{message: {text: hi}}", "{reply: {}}"),
        ("{message: {text: hi}}", "{joined: {chatt: x}}"),
        ("{message: {text: hi}}", "{at: '25:00'}"),
        ("{message: {text: hi}}", "{at: {time: '9:00', days: [monday]}}"),
        ("{message: {text: hi}}", "{every: often}"),
        ("    steps", "    mode: twice\n    steps"),
        ("    steps", "    mode: {queued: {max: 11}}\n    steps"),
        ("    steps", "    conditions: [{cooldown: 5}]\n    steps"),
        ("    steps", "    conditions: [{hours: ['9:00']}]\n    steps"),
        ("    steps", "    conditions: {days: [mon]}\n    steps"),
        ("{reply: hi}", "{replay: hi}"),
        ("{reply: hi}", "{reply: hi, send: hi}"),
        ("{reply: hi}", "{reply: hi, when: true}"),
        ("{reply: hi}", "{reply: hi, weight: 2}"),
        ("{reply: hi}", "{react: x}"),
        ("{reply: hi}", "{wait: 5}"),
        ("{reply: hi}", "{send: {text: x, chatt: x}}"),
        ("{reply: hi}", "{set: {}}"),
        ("{reply: hi}", "{choose: [{reply: hi}]}"),
        ("{reply: hi}", "{choose: [stop, {choose: [stop, stop]}]}"),
        ("{reply: hi}", "{choose: [stop, {reply: hi, weight: 101}]}"),
        ("{reply: hi}", "halt"),
        ("[{reply: hi}]", "[]"),
        ("id: made\n", "id: made\ntests: [{name: x, dialogue: [{gest: hi}]}]\n"),
        ("id: made\n", "id: made\ntests: [{name: x, clock: today, dialogue: [{guest: hi}]}]\n"),
        ("id: made\n", "id: made\ntests: [{name: x, dialogue: [{expect: x, to: true}]}]\n"),
        ("id: made\n", "id: made\ntests: [{name: x, dialogue: [{guest: x, replies: yes}]}]\n"),
    ],
)
def test_what_is_broken_is_marked_by_editors_and_refused(good: str, bad: str) -> None:
    """An author would learn of a slip only when the script is pushed."""
    text = SOUND.replace(good, bad, 1)
    assert text != SOUND
    assert not VALIDATOR.is_valid(_plain(text))
    assert not isinstance(parse_script(text), Script)


def test_everything_that_can_be_written_is_described() -> None:
    """Whoever completes a step in an editor would not be told what it does."""
    for kinds in (TRIGGER_KINDS, CONDITION_KINDS, STEP_KINDS, ALTERNATIVE_KINDS, LINE_KINDS):
        for key, model in kinds.items():
            assert SCHEMA["$defs"][model.__name__]["properties"][key]["description"], key
    for model in (Script, Scene):
        schema = SCHEMA if model is Script else SCHEMA["$defs"]["Scene"]
        assert [name for name, field in schema["properties"].items() if "description" not in field] == []


def test_nothing_in_it_is_null_or_open() -> None:
    """Editors would offer null, or take any key."""
    text = json.dumps(SCHEMA)
    assert '"null"' not in text
    assert text.count('"patternProperties"') + text.count('"properties"') <= text.count('"additionalProperties": false')


@pytest.mark.parametrize(
    "written", ["500ms", "30s", "1h30m", "1h 5s", " 2d", "1.5h", "5M", "5", "s", "-5s", "1e3s", ""]
)
def test_patterns_and_parsers_agree(written: str) -> None:
    """An editor would mark what the check accepts, or the other way round."""
    try:
        parse_duration(written)
    except ValueError:
        assert not re.search(SPELLING, written)
    else:
        assert re.search(SPELLING, written)


def test_times_are_spelled_alike() -> None:
    """An editor would know other times than the check."""
    pattern = SCHEMA["$defs"]["Appointment"]["properties"]["time"]["pattern"]
    for hour in range(30):
        for written in (f"{hour}:00", f"{hour:02}:59", f"{hour}:60", f"{hour}"):
            assert bool(re.search(pattern, written)) == bool(TIME_OF_DAY.fullmatch(written))
