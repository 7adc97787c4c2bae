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
    assert (script.limits.late, script.timezone, script.account_variables) == (120.0, "UTC", {})
    assert script.scenes["hello"].mode.kind == "single"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (SCENES + "titel: x\n", "7:1: titel: unknown field 'titel' (did you mean 'title'?)"),
        (SCENES + "title: 5\n", "7:8: title: expected text (put it in quotes)"),
        (SCENES + "limits:\n", "7:1: limits: nothing is written here (write a value, or remove the field)"),
        (SCENES.replace("reply: hi", "send: {text: x, chat: }"), "steps[0].send.chat: nothing is written here"),
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
        (SCENES.replace("{text: hi}", "{pattern: '(?=a)'}"), "(looking ahead or behind is not available)"),
        (SCENES.replace("{text: hi}", "{pattern: 'a{1000}b{1000}'}"), "message.pattern: the pattern is too large"),
        (SCENES.replace("message: {text: hi}", "command: price"), "'price' is not a valid name (a command is /"),
        (SCENES.replace("message: {text: hi}", "every: 1s"), "every takes 10s to 7d"),
        (
            SCENES + "    mode: twice\n",
            "7:11: scenes.hello.mode: there is no mode 'twice' (there is 'parallel', 'queued'",
        ),
        (SCENES + "    mode: quued\n", "there is no mode 'quued' (did you mean 'queued'?)"),
        (SCENES + "    mode: {parallel: 3}\n", "expected a bound of 2 to 10: parallel: {max: 3}"),
        (SCENES + "    mode: {queued: {max: 11}}\n", "expected a bound of 1 to 10: queued: {max: 5}"),
        (SCENES + "    mode: {single: {max: 2}}\n", "single has no bound: write mode: single"),
        (SCENES + "timezone: Europe/Berln\n", "there is no time zone 'Europe/Berln' (did you mean 'Europe/Berlin'?)"),
        (SCENES + "limits: {late: 2d}\n", "7:16: limits.late: late takes 0s to 1d"),
        (SCENES.replace("{message: {text: hi}}", "{mentoin: true}"), "there is no trigger 'mentoin' (did you mean"),
        (SCENES.replace("{message: {text: hi}}", "{mention: false}"), "mention: expected true, or one of text,"),
        (SCENES.replace("{message: {text: hi}}", "{mention: {}}"), "mention: expected true, or one of text,"),
        (SCENES.replace("{message: {text: hi}}", "{reply: {txt: x}}"), "unknown field 'txt' (did you mean 'text'?)"),
        (SCENES.replace("{message: {text: hi}}", "{reply: {text: x, contains: y}}"), "expected one of text, contains"),
        (SCENES.replace("{message: {text: hi}}", "{joined: false}"), "joined: expected true, or {chat: …}"),
        (
            SCENES.replace("{message: {text: hi}}", "{joined: yes}"),
            "joined: expected fields, each as name: value (yes is a text here: write true)",
        ),
        (SCENES.replace("{message: {text: hi}}", "{at: '24:00'}"), 'expected a time of day from "00:00" to "23:59"'),
        (
            SCENES.replace("{message: {text: hi}}", "{at: {time: '9:00', days: [monday]}}"),
            "at.days[0]: there is no day 'monday' (did you mean 'mon'?)",
        ),
        (SCENES + "    conditions: [{exp: x}]\n", "there is no condition 'exp' (did you mean 'expr'?)"),
        (SCENES + "    conditions: [{expr: sender}]\n", "expected one expression and nothing else, such as"),
        (SCENES + "    conditions: [{expr: true}]\n", 'expected an expression in quotes, such as "{{ visits > 3 }}"'),
        (SCENES + "    conditions: [{hours: ['9:00', '09:00']}]\n", "the two ends are the same"),
        (SCENES + "    conditions: [{hours: '9:00'}]\n", 'expected the first and the last moment: ["09:00", "18:00"]'),
        (SCENES + "    conditions: [{cooldown: 0s}]\n", "cooldown takes 1s to 7d"),
        (SCENES.replace("{reply: hi}", "{react: hi}"), "expected one of the emoji that Telegram has as reactions"),
        (SCENES.replace("{reply: hi}", "{reply: hi, when: sender}"), "steps[0].when: expected one expression"),
        (SCENES.replace("{reply: hi}", "{reply: hi, weight: 2}"), "steps[0].weight: unknown field 'weight'"),
        (SCENES.replace("{reply: hi}", "{when: '{{ true }}'}"), "this step does nothing (a step is one of reply, send"),
        (SCENES.replace("{reply: hi}", "{choose: [{reply: hi}]}"), "must have at least 2 items"),
        (
            SCENES.replace("{reply: hi}", "{choose: [stop, {choose: [stop, stop]}]}"),
            "6:29: scenes.hello.steps[0].choose[1]: a choose inside a choose is not available",
        ),
        (
            SCENES.replace("{reply: hi}", "{choose: [stop, {reply: hi, weight: 0}]}"),
            "steps[0].choose[1].weight: must be greater than or equal to 1",
        ),
        (SCENES.replace("{reply: hi}", "{choose: [stop, {reply: hi, wieght: 1}]}"), "(did you mean 'weight'?)"),
        (
            SCENES + "limits: {per_chat_per_minute: 21}\n",
            "limits.per_chat_per_minute: must be less than or equal",
        ),
        (
            SCENES + "limits: {per_chat_per_minute: true}\n",
            "limits.per_chat_per_minute: must be a whole number",
        ),
        (SCENES + "variables: {Big: 1}\n", "variables.Big: 'Big' is not a valid name (a variable's name"),
        (SCENES + "variables: {big: [1]}\n", "a variable holds text, a number, true or false, not list"),
        (SCENES + "variables: {text: x}\n", "7:13: variables.text: text has a meaning of its own"),
        (SCENES + "tests: [{name: x, dialogue: [{gest: hi}]}]\n", "there is no line 'gest' (did you mean 'guest'?)"),
        (SCENES + "tests: [{name: x, dialogue: [{guest: hi, chat: '@hall_too'}]}]\n", "did you mean '@hall_two'?"),
        (SCENES + "tests: [{name: x, clock: '2026-02-30 09:00', dialogue: [{guest: hi}]}]\n", 'such as "2026-03-02'),
        (SCENES + "tests: [{name: x, dialogue: [{joins: Mei, chat: private}]}]\n", "nobody joins a private chat"),
        (
            SCENES + "tests: [{name: x, dialogue: [{guest: hi, as: Mei}, {expect: x, to: Mai}]}]\n",
            "dialogue[1].to: 'Mai' has not said anything yet (did you mean 'Mei'?)",
        ),
        (SCENES + "tests: [{name: x, dialogue: [{expect: x, to: true}]}]\n", "a guest's name, or false for nobody"),
    ],
)
def test_problems_of_shape(refused: Refused, body: str, problem: str) -> None:
    """The message would not say where the mistake is or what is meant."""
    assert any(problem in each for each in refused(body)), refused(body)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("[{goto: hallo}]", "7:20: scenes.hello.steps[0].goto: there is no scene 'hallo' (did you mean 'hello'?)"),
        ("[{goto: hello}]", "7:13: scenes.hello.steps[0]: a loop that never waits: hello → hello"),
        ("[{wait: [0s, 9s]}, {goto: hello}]", "a loop that never waits"),
        ("[stop, {reply: x}]", "7:19: scenes.hello.steps[1]: this step is never reached"),
        ("[{reply: '{{ sendr }}'}]", "there is no variable 'sendr' (did you mean 'sender'?)"),
        ("[{reply: '{{ match.item }}'}]", "match.item is not found by every trigger that leads here"),
        ("[{reply: '{{ oops'}]", "7:21: scenes.hello.steps[0].reply: the text does not compile"),
        ("[{set: {a: 1}}]", "7:20: scenes.hello.steps[0].set.a: there is no variable a (there is 'n')"),
        (
            "[{send: {text: x, chat: '@hall_too'}}]",
            "@hall_too is not one of the script's chats (did you mean '@hall_two'?)",
        ),
        ("[{send: {text: x, chat: private}}]", "private is nobody in particular"),
        ("[{choose: [stop, {goto: hello}]}, {reply: x}]", "steps[1]: this step is never reached"),
        ("[{choose: [{wait: 5s}, {set: {n: 1}}]}, {goto: hello}]", "a loop that never waits: hello → hello"),
        ("[{wait: 5s, when: '{{ n }}'}, {goto: hello}]", "put a wait of at least 1s, without a when, before the goto"),
        ("[{choose: [{wait: 5s}, {goto: hello}]}]", "7:13: scenes.hello.steps[0]: a loop that never waits"),
        ("[{reply: x, when: '{{ sendr }}'}]", "steps[0].when: there is no variable 'sendr' (did you mean 'sender'?)"),
        ("[{choose: [stop, {reply: '{{ oops'}]}]", "steps[0].choose[1].reply: the text does not compile"),
        ("[{choose: [stop, {goto: hallo}]}]", "choose[1].goto: there is no scene 'hallo' (did you mean 'hello'?)"),
        ("[{choose: [stop, stop], when: '{{ m }}'}]", "steps[0].when: there is no variable 'm' (there is"),
    ],
)
def test_problems_of_meaning(refused: Refused, steps: str, problem: str) -> None:
    """A mistake that the schema cannot see would be found by the guests."""
    body = "variables: {n: 1}\n" + SCENES.replace("[{reply: hi}]", steps)
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


@pytest.mark.parametrize(
    ("scene", "problem"),
    [
        (
            "{triggers: [{joined: true}], steps: [{reply: '{{ text }}'}]}",
            "text is not known here (somebody who joins has not said anything)",
        ),
        ("{triggers: [{at: '9:00'}], steps: [{react: 👍}]}", "there is no message to react to"),
        ("{triggers: [{at: '9:00'}], conditions: [{expr: '{{ sender }}'}], steps: [stop]}", "sender is not known here"),
        ("{triggers: [{at: {time: '9:00', chat: '@hall_too'}}], steps: [stop]}", "did you mean '@hall_two'?"),
        ("{triggers: [{joined: {chat: private}}], steps: [stop]}", "joined.chat: private is nobody in particular"),
        (
            "{triggers: [{joined: true}], conditions: [{chat: private}], steps: [stop]}",
            "this never happens in private, the only chat of the conditions",
        ),
        ("{triggers: [{reply: true}], conditions: [{chat: '@hall_too'}], steps: [stop]}", "did you mean '@hall_two'?"),
        (
            "{triggers: [{reply: true}], conditions: [{chat: private}, {chat: '@hall_one'}], steps: [stop]}",
            "nothing happens in two chats at once",
        ),
    ],
)
def test_problems_of_other_triggers(refused: Refused, scene: str, problem: str) -> None:
    """A scene would ask for what its trigger does not bring, or never begin."""
    body = SCENES + f"  other: {scene}\n"
    assert any(problem in each for each in refused(body)), refused(body)


def test_conditions_need_a_trigger(refused: Refused) -> None:
    """Conditions of a scene that only gotos lead to would be silently ignored."""
    body = SCENES.replace("{reply: hi}", "{goto: two}") + "  two: {conditions: [{cooldown: 5m}], steps: [stop]}\n"
    assert "7:9: scenes.two.conditions: conditions are asked when a trigger happens" in refused(body)[0]


@pytest.mark.parametrize(
    ("earlier", "later", "covered"),
    [
        ("{message: {contains: ric}}", "{message: {contains: price}}", True),
        ("{message: {contains: ric}}", "{message: {text: Prices}}", True),
        ("{message: {contains: price}}", "{message: {contains: ric}}", False),
        ("{message: {pattern: a+}}", "{message: {pattern: a+}}", True),
        ("{message: {text: price}}", "{mention: {text: price}}", False),
        ("{mention: true}", "{mention: {text: price}}", True),
        ("{mention: {text: price}}", "{mention: true}", False),
        ("{reply: true}", "{mention: true}", False),
        ("{reply: {contains: x}}", "{reply: {text: xyz}}", True),
        ("{joined: true}", "{joined: {chat: '@hall_one'}}", True),
        ("{joined: {chat: '@hall_one'}}", "{joined: true}", False),
        ("{command: /a}", "{command: /A}", True),
        ("{message: {contains: 'a '}}", "{message: {contains: 'A '}}", True),
        ("{message: {contains: 'a '}}", "{message: {text: 'a '}}", False),
        ("{every: 1h}", "{every: 1h}", False),
    ],
)
def test_a_trigger_that_an_earlier_one_always_takes_is_found(earlier: str, later: str, covered: bool) -> None:
    """A scene would wait for a message that an earlier scene always takes, and nobody would know why."""
    first = f"  first: {{triggers: [{earlier}], CONDITIONS steps: [stop]}}\n"
    body = HEAD + "scenes:\n" + first + f"  second: {{triggers: [{later}], steps: [stop]}}\n"
    outcome = parse_script(body.replace("CONDITIONS", ""))
    assert ("the scene first already answers this" in str(outcome)) == covered
    assert isinstance(parse_script(body.replace("CONDITIONS", "conditions: [{cooldown: 5m}],")), Script)


def test_account_variables_and_variables_share_no_name(refused: Refused) -> None:
    """A set would change one of two variables of the same name, and a text would show the other."""
    problems = refused(SCENES + "variables: {n: 1}\naccount_variables: {n: 1, text: 2}\n")
    assert any("8:21: account_variables.n: n is also under variables" in each for each in problems)
    assert any("account_variables.text: text has a meaning of its own" in each for each in problems)


def test_patterns_are_bounded_together(refused: Refused) -> None:
    """A script of many large patterns would hold the node at every message."""
    triggers = [", ".join(f"{{message: {{pattern: '{x}{{{900 + n}}}'}}}}" for n in range(20)) for x in "xy"]
    scenes = [f"  {name}: {{triggers: [{each}], steps: [stop]}}\n" for name, each in zip("ab", triggers, strict=True)]
    problems = refused("scenes:\n" + "".join(scenes))
    assert len(problems) == 1
    assert "5:50: scenes.b.triggers[1]: the patterns of the script are too large together" in problems[0]


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
