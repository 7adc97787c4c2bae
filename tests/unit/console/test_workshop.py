"""The editor's verdict and the rehearsal as a chat."""

from services.console.domain.checking import check
from services.console.domain.rehearsing import Deed, rehearse
from services.console.pages.scripts import FIRST_LINES

DELAYED = """
id: slow
chats: ["@my_chat"]
scenes:
  greeting:
    triggers: [{message: {text: hello}}]
    steps: [{reply: "one moment"}, {wait: 90s}, {reply: "now, {{ sender }}"}]
"""


def test_the_first_lines_are_good() -> None:
    """Who begins a script would begin with somebody else's mistake."""
    verdict = check(FIRST_LINES)
    assert (verdict.mistakes, verdict.script_id, verdict.passed, verdict.tests) == ((), "my-script", 1, 1)


def test_a_mistake_is_told_at_its_line() -> None:
    """'Invalid script' without a line sends the author through all of them."""
    [mistake] = check(FIRST_LINES.replace("reply:", "repyl:")).mistakes
    assert (mistake.line, mistake.column) == (10, 9)


def test_a_failed_test_is_told_at_its_line() -> None:
    """The difference belongs beside the line that expected something else."""
    [mistake] = check(FIRST_LINES.replace('expect: "Hello Ana', 'expect: "Bye Ana')).mistakes
    assert (mistake.line, mistake.test) == (17, "greets")
    assert "Bye Ana" in mistake.message


def test_no_text_breaks_it() -> None:
    """Half a script is what an editor has most of the time."""
    for text in ("", "{", "id: [", "- a", "\0", "x" * 300_000, "id: a\n" * 5):
        assert check(text).mistakes
        assert rehearse(text, []).broken


def test_a_rehearsal_answers_and_goes_on() -> None:
    """What a guest would hear, and when, without waiting for it."""
    deeds = [Deed(do="say", text="hello", name="Ana")]
    course = rehearse(DELAYED, deeds)
    assert [(line.kind, line.text) for line in course.lines] == [("guest", "hello"), ("account", "one moment")]
    assert course.next == "1m30s"
    course = rehearse(DELAYED, [*deeds, Deed(do="next")])
    assert [(line.kind, line.text) for line in course.lines][2:] == [("time", "1m30s"), ("account", "now, Ana")]
    assert course.next is None


def test_silence_says_why() -> None:
    """A script that does not answer looks broken unless it says what it waits for."""
    course = rehearse(DELAYED, [Deed(do="say", text="good evening")])
    assert course.lines[-1].kind == "silence"
    assert "greeting" in course.lines[-1].text
