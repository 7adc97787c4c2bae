"""The tests that a script carries: each dialogue played in a rehearsal, line by line.

Called on lint, before a push, and on the node before the swap; the dice are seeded with the test's name, so all three
see the same. A test is strict: what the account does and the dialogue does not expect is a failure, shown as the
difference. Nothing raises.
"""

from dataclasses import dataclass
from typing import ClassVar, assert_never

from shared.scripts.chats import PRIVATE
from shared.scripts.dialogue import (
    ExpectLine,
    ExpectReactionLine,
    GuestLine,
    JoinsLine,
    Line,
    ScriptTest,
    SilenceLine,
    WaitLine,
)
from shared.scripts.durations import format_duration
from shared.scripts.effects import SendText
from shared.scripts.model import Script
from shared.scripts.rehearsal import MAX_WAKES, NOON, Rehearsal, described


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How one test ended: `difference` says what was expected and what was done; empty when it passed.

    `failed_at` is the index of the dialogue's line at which it failed.
    """

    __test__: ClassVar[bool] = False  # its name would make pytest collect it

    name: str
    passed: bool
    difference: str
    transcript: tuple[str, ...]
    failed_at: int | None = None


def run_tests(script: Script) -> list[TestOutcome]:
    """Every test of the script, in its order; empty for a script without tests."""
    return [_run(script, test) for test in script.tests]


def _run(script: Script, test: ScriptTest) -> TestOutcome:
    seed = test.name if test.seed is None else f"{test.name} {test.seed}"
    rehearsal = Rehearsal(script, seed, test.clock or NOON)
    for index, line in enumerate(test.dialogue):
        difference = _play(rehearsal, line) or _fault(rehearsal)
        if difference:
            where = f"dialogue[{index}] after {format_duration(rehearsal.now)}: "
            return TestOutcome(test.name, False, where + difference, tuple(rehearsal.transcript), index)
    difference = _nothing_unheard(rehearsal, "the dialogue ends")
    if not difference:
        return TestOutcome(test.name, True, "", tuple(rehearsal.transcript))
    last = len(test.dialogue) - 1
    return TestOutcome(test.name, False, f"after dialogue[{last}]: {difference}", tuple(rehearsal.transcript), last)


def _play(rehearsal: Rehearsal, line: Line) -> str:
    """Plays one line; what differs from it, in words, or nothing."""
    match line:
        case GuestLine():
            said = rehearsal.guest(line.guest, line.name, line.chat, mentions=line.mentions, replies=line.replies)
            rehearsal.happens(said)
            return ""
        case JoinsLine():
            rehearsal.happens(rehearsal.newcomer(line.joins, line.chat))
            return ""
        case WaitLine(wait=seconds):
            return "" if rehearsal.pass_time(seconds) else f"more than {MAX_WAKES} things happen in this test"
        case ExpectLine(expect=text):
            return _expected(rehearsal, line, text.strip())
        case ExpectReactionLine(expect_reaction=emoji):
            return _expected(rehearsal, line, f"(reacts with {emoji})")
        case SilenceLine():
            return _nothing_unheard(rehearsal, "nothing")
        case _:
            assert_never(line)


def _expected(rehearsal: Rehearsal, line: ExpectLine | ExpectReactionLine, wanted: str) -> str:
    if not rehearsal.unheard:
        return _difference(wanted, f"(nothing; {rehearsal.next_thing()})")
    done = rehearsal.unheard.popleft()
    if isinstance(done, SendText) is not isinstance(line, ExpectLine) or described(done) != wanted:
        return _difference(wanted, described(done))
    chat = done.chat.split(":")[0] if line.chat == PRIVATE else done.chat
    if line.chat is not None and chat != line.chat:
        return f"done in another chat\n  - {line.chat}\n  + {done.chat}"
    author = rehearsal.author_of(done.reply_to if isinstance(done, SendText) else done.message_id)
    if line.to is not None and author != line.to:
        return f"answers somebody else\n  - {line.to or '(nobody)'}\n  + {author or '(nobody)'}"
    return ""


def _nothing_unheard(rehearsal: Rehearsal, expected: str) -> str:
    if not rehearsal.unheard:
        return ""
    return _difference(f"({expected})", "\n".join(map(described, rehearsal.unheard)))


def _fault(rehearsal: Rehearsal) -> str:
    if not rehearsal.faults:
        return ""
    fault = rehearsal.faults[0]
    return f"{fault.place} failed: {fault.message}"


def _difference(expected: str, done: str) -> str:
    def marked(sign: str, text: str) -> str:
        return "\n".join(f"  {sign} {line}" for line in text.splitlines())

    return f"expected (-) and said (+) differ\n{marked('-', expected)}\n{marked('+', done)}"
