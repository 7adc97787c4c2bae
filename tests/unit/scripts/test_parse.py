"""What is refused, where, and in which words: an author should need nothing but the message."""

import pytest

from shared.scripts import Script, ScriptProblems, parse_script
from tests.unit.scripts.conftest import HEAD, Parsed, Refused

SCENES = """\
scenes:
  hello:
    triggers: [{message: {text: hi}}]
    steps: [{reply: hi}]
"""


def test_a_whole_script_is_read(parsed: Parsed) -> None:
    """The models would not hold what the file says."""
    script = parsed("title: A desk\nlimits: {per_chat_per_minute: 5}\nvariables: {a: 1, b: true, c: x}\n" + SCENES)
    assert (script.id, script.title, script.chats) == ("made", "A desk", ("@hall_one", "@hall_two", "private"))
    assert (script.limits.per_chat_per_minute, script.limits.per_account_per_minute) == (5, 30)
    assert script.variables == {"a": 1, "b": True, "c": "x"}
    assert script.scenes["hello"].mode == "single"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (SCENES + "titel: x\n", "7:1: titel: unknown field 'titel' (did you mean 'title'?)"),
        (SCENES + "title: 5\n", "7:8: title: expected text (put it in quotes)"),
        ("title: x\n", "1:1: scenes: scenes is missing"),
        (SCENES.replace("reply", "replay"), "6:13: scenes.hello.steps[0]: there is no step 'replay' (did you mean"),
        (SCENES.replace("{reply: hi}", "hi"), "6:13: scenes.hello.steps[0]: 'hi' is not a step (a step is one of"),
        (SCENES.replace("{reply: hi}", "{reply: hi, send: hi}"), "reply and send in one step"),
        (
            SCENES.replace("{reply: hi}", "{reply: hi, chat: x}"),
            "6:25: scenes.hello.steps[0].chat: unknown field 'chat'",
        ),
        (SCENES.replace("{reply: hi}", "{send: {txt: hi}}"), "unknown field 'txt' (did you mean 'text'?)"),
        (
            SCENES.replace("{reply: hi}", "{wait: 3}"),
            "6:20: scenes.hello.steps[0].wait: expected a duration with its unit",
        ),
        (SCENES.replace("{reply: hi}", "{wait: [3s, 1s]}"), "the shortest wait comes first: [1s, 3s]"),
        (SCENES.replace("{reply: hi}", "{wait: 2d}"), "a wait may be 1d at most"),
        (SCENES.replace("message", "mesage"), "there is no trigger 'mesage' (did you mean 'message'?)"),
        (SCENES.replace("{text: hi}", "{}"), "exactly one of text, contains and pattern"),
        (SCENES.replace("{text: hi}", "{text: hi, contains: hi}"), "exactly one of text, contains and pattern"),
        (SCENES.replace("{text: hi}", "{pattern: '(a+)+'}"), "message.pattern: a repeat inside a repeat"),
        (SCENES.replace("message: {text: hi}", "command: price"), "'price' is not a valid name (a command is /"),
        (SCENES.replace("message: {text: hi}", "every: 1s"), "every takes 10s to 7d"),
        (
            SCENES + "    mode: queued\n",
            "7:11: scenes.hello.mode: mode queued is not available in this version; accepted: single",
        ),
        (
            SCENES + "    mode: {parallel: 3}\n",
            "mode parallel is not available in this version; accepted: single, restart",
        ),
        (SCENES + "    mode: twice\n", "expected one of the modes: single, restart"),
        (
            SCENES + "limits: {per_chat_per_minute: 21}\n",
            "limits.per_chat_per_minute: input should be less than or equal",
        ),
        (
            SCENES + "limits: {per_chat_per_minute: true}\n",
            "limits.per_chat_per_minute: input should be a valid integer",
        ),
        (SCENES + "variables: {Big: 1}\n", "variables.Big: 'Big' is not a valid name (a variable's name"),
        (SCENES + "variables: {big: [1]}\n", "a variable holds text, a number, true or false, not list"),
        (SCENES + "variables: {text: x}\n", "7:13: variables.text: text has a meaning of its own"),
        (SCENES + "tests: [{name: x, dialogue: [{gest: hi}]}]\n", "there is no line 'gest' (did you mean 'guest'?)"),
        (SCENES + "tests: [{name: x, dialogue: [{guest: hi, chat: '@hall_too'}]}]\n", "did you mean '@hall_two'?"),
    ],
)
def test_problems_of_shape(refused: Refused, body: str, problem: str) -> None:
    """The message would not say where the mistake is or what is meant."""
    assert any(problem in each for each in refused(body)), refused(body)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("[{goto: hallo}]", "6:20: scenes.hello.steps[0].goto: there is no scene 'hallo' (did you mean 'hello'?)"),
        ("[{goto: hello}]", "6:13: scenes.hello.steps[0]: a loop that never waits: hello → hello"),
        ("[{wait: [0s, 9s]}, {goto: hello}]", "a loop that never waits"),
        ("[stop, {reply: x}]", "6:19: scenes.hello.steps[1]: this step is never reached"),
        ("[{reply: '{{ sendr }}'}]", "there is no variable 'sendr' (did you mean 'sender'?)"),
        ("[{reply: '{{ match.item }}'}]", "match.item is not found by every trigger that leads here"),
        ("[{reply: '{{ oops'}]", "6:21: scenes.hello.steps[0].reply: the text does not compile"),
        ("[{set: {a: 1}}]", "6:20: scenes.hello.steps[0].set.a: there is no variable a (declare it under variables)"),
        (
            "[{send: {text: x, chat: '@hall_too'}}]",
            "@hall_too is not one of the script's chats (did you mean '@hall_two'?)",
        ),
        ("[{send: {text: x, chat: private}}]", "private is nobody in particular"),
    ],
)
def test_problems_of_meaning(refused: Refused, steps: str, problem: str) -> None:
    """A mistake that the schema cannot see would be found by the guests."""
    body = SCENES.replace("[{reply: hi}]", steps)
    assert any(problem in each for each in refused(body)), refused(body)


def test_a_loop_through_several_scenes_is_found(refused: Refused) -> None:
    """Two scenes that send each other on would fill a chat within a second."""
    body = SCENES.replace("{reply: hi}", "{goto: two}") + "  two: {steps: [{send: x}, {goto: three}]}\n"
    problems = refused(body + "  three: {steps: [{wait: 0.9s}, {goto: hello}]}\n")
    assert len(problems) == 1
    assert "hello → two → three → hello" in problems[0]


def test_a_loop_with_a_calm_wait_is_accepted(parsed: Parsed) -> None:
    """An endless reminder, which is a fine thing, could not be written."""
    parsed(SCENES.replace("{reply: hi}", "{wait: [1s, 2s]}, {goto: hello}"))


def test_a_scene_that_never_plays_is_found(refused: Refused) -> None:
    """A misspelt goto target would leave a scene silent for ever."""
    assert "7:3: scenes.lost: the scene lost never plays" in refused(SCENES + "  lost: {steps: [stop]}\n")[0]


def test_two_triggers_for_one_message_are_found(refused: Refused) -> None:
    """The second scene would wait for a message that the first always takes."""
    twin = "  twin: {triggers: [{message: {text: HI}}], steps: [stop]}\n"
    assert "7:21: scenes.twin.triggers[0]: the scene hello already answers this" in refused(SCENES + twin)[0]


def test_time_brings_no_message(refused: Refused) -> None:
    """A scene begun by time would fault when it replies or names a sender."""
    body = SCENES + "  tick: {triggers: [{every: 1m}], steps: [{send: '{{ text }}'}, {goto: hello}]}\n"
    problems = refused(body)
    assert any("scenes.tick.steps[0].send.text: text is not known here" in each for each in problems)
    assert any("scenes.hello.steps[0]: there is no message to reply to" in each for each in problems)


def test_every_needs_somebody_to_speak_to() -> None:
    """A timed scene would begin for nobody."""
    outcome = parse_script("id: a\nchats: [private]\nscenes: {a: {triggers: [{every: 1m}], steps: [{send: x}]}}")
    assert isinstance(outcome, ScriptProblems)
    assert "every has no chat to speak in" in str(outcome)


def test_problems_come_in_order_with_the_file_and_are_bounded() -> None:
    """A reader would jump about in the file, or drown in it."""
    steps = "\n".join(f"      - {{step{index}: x}}" for index in range(90))
    outcome = parse_script(HEAD + f"scenes:\n  a:\n    triggers: [{{command: /a}}]\n    steps:\n{steps}\n", "desk.yaml")
    assert isinstance(outcome, ScriptProblems)
    lines = [problem.line for problem in outcome.problems]
    assert lines == sorted(lines)
    assert len(lines) == 50
    assert str(outcome).startswith("desk.yaml:7:9: scenes.a.steps[0]: there is no step 'step0'")


@pytest.mark.parametrize("text", ["", "[]", "hello", "5", "~", "id: x", "{}", "scenes: []", "\x00", "\ud800", "- - -"])
def test_whatever_is_no_script_is_a_problem(text: str) -> None:
    """Bad input would raise in a service."""
    outcome = parse_script(text)
    assert isinstance(outcome, ScriptProblems)
    assert outcome.problems


def test_chats_twice_are_refused() -> None:
    """Timed scenes would speak twice in one chat."""
    outcome = parse_script('id: a\nchats: ["@hall_one", "@Hall_One"]\n' + SCENES)
    assert "listed twice: @hall_one" in str(outcome)


def test_a_script_cannot_be_changed(parsed: Parsed) -> None:
    """Engines that share a script would change each other's."""
    script = parsed(SCENES)
    assert isinstance(script, Script)
    with pytest.raises(ValueError, match="frozen"):
        script.id = "other"  # type: ignore[misc]
