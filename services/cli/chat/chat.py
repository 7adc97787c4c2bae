"""`callboard scripts chat`: reads lines, does in a trial of the script what they say, and shows what came of it.

The file may be broken, now or after a change: its problems are shown, what was loaded before plays on, and `:reload`
takes it once it is mended. The chat ends with its lines, with `:quit` and with Ctrl-C, and with nothing else.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from rich.text import Text

from services.cli.cells import visible
from services.cli.chat import moments
from services.cli.chat.loading import ScriptFile
from services.cli.chat.orders import HELP, ORDERS, QUIT, RELOAD, Message, NoOrder, Order, help_lines, read_line
from services.cli.chat.performance import Course
from services.cli.chat.reading import Lines
from services.cli.chat.saving import NotSaved, saved
from services.cli.chat.telling import Teller, every_reason, reasons
from services.cli.chat.trial import Joined, Said, Trial
from services.cli.checking import Verdict
from services.cli.output import Output
from shared.scripts import Explanation, Script, may_speak_in, parse_duration
from shared.scripts.almanac import zone
from shared.scripts.chats import PRIVATE, canonical_chat
from shared.scripts.dialogue import GUEST
from shared.scripts.rehearsal import NOON

T = TypeVar("T")

# What is planned, beside what was just said.
NEXT_THINGS = 3
# As long as a name in a script's tests.
LONGEST_NAME = 64
# A calendar ends somewhere.
LONGEST_WAIT = 366 * 86_400.0


class _Refused(Exception):
    """What was typed cannot be done, and why."""


class Chat:
    """One run of the command. See the module's docstring."""

    def __init__(self, file: Path, out: Output) -> None:
        self._file = ScriptFile(file)
        self._out = out
        self._trial: Trial | None = None
        self._name = GUEST
        self._chat = ""
        self._mentions = self._replies = False
        self._last = Explanation()
        self._orders: dict[str, Callable[[Trial, str], None]] = {
            "wait": self._wait,
            "as": self._speak_as,
            "in": self._speak_in,
            "mention": self._mention,
            "reply": self._reply,
            "join": self._join,
            "clock": self._set_clock,
            "why": self._why,
            "vars": self._show_variables,
            "restart": self._restart,
            "save": self._save,
        }

    @property
    def loaded(self) -> bool:
        """Whether there is a script that plays."""
        return self._trial is not None

    def words(self) -> list[str]:
        """What a line may hold, for completion."""
        return [*(f":{order}" for order in ORDERS), *(self._trial.script.chats if self._trial else ())]

    def run(self, lines: Lines) -> None:
        """Until there are no more lines."""
        self._reload()
        self._out.line(
            "  A guest says what you type. An empty line goes on to what happens next. :help shows the rest."
        )
        while (line := lines.ask(self._prompt())) is not None:
            if self._file.has_changed():
                self._note(f"{self._file.name} has changed: :reload reads it again")
            read = read_line(line)
            if read == QUIT:
                return
            try:
                self._do(read)
            except _Refused as refused:
                self._note(str(refused))

    def _do(self, read: Message | Order | NoOrder) -> None:
        trial = self._trial
        if isinstance(read, NoOrder):
            raise _Refused(read.why)
        if read == HELP:
            self._show(Text(line) for line in help_lines())
        elif read == RELOAD:
            self._reload()
        elif trial is None:
            raise _Refused(f"no script is loaded: mend {self._file.name}, then say :reload")
        elif isinstance(read, Order):
            self._orders[read.name](trial, read.rest)
        elif read.text:
            self._say(trial, read.text)
        else:
            self._go_on(trial)

    def _say(self, trial: Trial, text: str) -> None:
        said = Said(text, self._name, self._chat, self._mentions, self._replies)
        self._mentions = self._replies = False
        self._heard(trial, trial.say(said))

    def _join(self, trial: Trial, name: str) -> None:
        if self._chat == PRIVATE:
            raise _Refused("nobody joins a private chat: go to another one with :in")
        self._heard(trial, trial.join(Joined(_name(name), self._chat)))

    def _mention(self, trial: Trial, text: str) -> None:
        self._mentions = True
        if text:
            self._say(trial, text)

    def _reply(self, trial: Trial, text: str) -> None:
        if not trial.has_spoken_in(trial.address(self._chat, self._name)):
            raise _Refused("the account has said nothing here that could be answered")
        self._replies = True
        if text:
            self._say(trial, text)

    def _heard(self, trial: Trial, course: Course) -> None:
        self._last = course.explanation
        self._show(reasons(course.explanation))
        self._show(self._teller(trial).events(course, timed=False))
        self._show(self._teller(trial).coming(NEXT_THINGS))

    def _go_on(self, trial: Trial) -> None:
        before = trial.now
        course = trial.go_on()
        if not course.events:
            raise _Refused("nothing more is planned" if trial.now == before else "nothing was seen in this time")
        self._passed(trial, course)

    def _wait(self, trial: Trial, text: str) -> None:
        seconds = _understood(parse_duration, text)
        if seconds > LONGEST_WAIT:
            raise _Refused("a year at most")
        self._passed(trial, trial.wait(seconds))

    def _passed(self, trial: Trial, course: Course) -> None:
        # What only let time pass does not answer the question why the last message began nothing.
        self._last = course.explanation if course.explanation.judgements else self._last
        self._show(self._teller(trial).events(course, timed=True))
        self._show(self._teller(trial).coming(NEXT_THINGS))

    def _speak_as(self, _: Trial, name: str) -> None:
        self._name = _name(name)

    def _speak_in(self, trial: Trial, text: str) -> None:
        self._chat = _understood(canonical_chat, text)
        if not may_speak_in(trial.script.chats, trial.address(self._chat, self._name)):
            listed = ", ".join(trial.script.chats)
            self._note(f"{self._chat} is not listed: nothing is heard and said there; listed: {listed}")

    def _set_clock(self, trial: Trial, text: str) -> None:
        where = zone(trial.script.timezone)
        if not text:
            self._note(f"it is {self._teller(trial).date()}")
        elif not trial.deeds:
            self._begin(trial.script, text)
        else:
            later = _understood(lambda typed: moments.moment(typed, where, trial.moment), text) - trial.moment
            if later < 0:
                raise _Refused(f"time does not go back: :restart {text} begins anew then")
            if later > LONGEST_WAIT:
                raise _Refused(f"that is more than a year away: :restart {text} begins anew then")
            self._passed(trial, trial.wait(later))

    def _why(self, _: Trial, __: str) -> None:
        if self._last == Explanation():
            raise _Refused("nothing has happened yet that a trigger could be for")
        self._show(every_reason(self._last))

    def _show_variables(self, trial: Trial, _: str) -> None:
        self._show(self._teller(trial).remembered(self._chat, self._name))

    def _restart(self, trial: Trial, text: str) -> None:
        self._begin(trial.script, text)

    def _save(self, trial: Trial, name: str) -> None:
        if not trial.deeds:
            raise _Refused("nothing was done yet that could be a test")
        outcome = saved(trial.script, name, trial.clock, trial.deeds, trial.said)
        if isinstance(outcome, NotSaved):
            raise _Refused(f"this makes no test: {outcome.why}")
        if not outcome.as_seen:
            self._note("in a test the dice fall otherwise, or the script has changed: read what is expected here")
        # Without tests in the file so far, the whole can be put behind it as it is.
        heading = "" if trial.script.tests else "tests:\n"
        self._out.line(f"{heading}{outcome.yaml}".rstrip("\n"))

    def _begin(self, script: Script, text: str) -> None:
        clock = self._trial.clock if self._trial else NOON
        if text:
            clock = _understood(lambda typed: moments.beginning(typed, clock), text)
        self._trial = Trial(script, clock)
        self._last = Explanation()
        if self._chat not in script.chats:
            self._chat = script.chats[0]

    def _reload(self) -> None:
        verdict = self._file.read()
        if verdict.script is None:
            self._show(Text(line, style="red") for line in verdict.lines())
            kept = "what was loaded before plays on" if self._trial else "mend it, then say :reload"
            self._note(f"{self._file.name} cannot be played: {kept}")
            return
        script, trial = verdict.script, self._trial
        self._out.line(f"{script.id}: {len(script.scenes)} scenes in {', '.join(script.chats)}; {_tests(verdict)}")
        if trial is None:
            self._begin(script, "")
            return
        ended, course = trial.reload(script)
        if self._chat not in script.chats:
            self._chat = script.chats[0]
        if ended:
            self._note(f"ended, for there is no place for it any more: {', '.join(ended)}")
        self._passed(trial, course)

    def _prompt(self) -> str:
        if self._trial is None:
            return "(no script)> "
        marks = [word for word, given in (("mentions", self._mentions), ("answers", self._replies)) if given]
        marked = f" ({', '.join(marks)})" if marks else ""
        clock = self._teller(self._trial).clock(self._trial.now)
        return visible(f"{clock} {self._chat} {self._name}{marked}> ")

    def _teller(self, trial: Trial) -> Teller:
        return Teller(trial, trial.address(self._chat, self._name))

    def _show(self, lines: Iterable[Text]) -> None:
        for line in lines:
            self._out.styled(line)

    def _note(self, text: str) -> None:
        # Beside the answers and not on stderr: a pipe must keep the order of what was typed and what was told.
        self._out.styled(Text(f"  {visible(text)}", style="yellow"))


def _understood(read: Callable[[str], T], typed: str) -> T:
    try:
        return read(typed)
    except ValueError as error:
        raise _Refused(str(error)) from None


def _tests(verdict: Verdict) -> str:
    total = len(verdict.tests)
    failed = sum(not test.passed for test in verdict.tests)
    if not total:
        return "no tests yet, :save makes one"
    if failed:
        return f"{failed} of {total} tests failed, `callboard scripts test` shows why"
    return f"{total} test passed" if total == 1 else f"{total} tests passed"


def _name(typed: str) -> str:
    if len(typed) > LONGEST_NAME:
        raise _Refused(f"a name has {LONGEST_NAME} characters at most")
    return typed
