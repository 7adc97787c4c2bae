"""A rehearsal as a chat: what guests do, and what the account makes of it, in virtual time.

The whole dialogue is played anew for every line: the dice are seeded, so what was said before is said again, and nobody
has to remember a rehearsal. A script that is mended in the middle is heard from the beginning with its new words. Pure;
nothing raises, nothing is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, Field

from shared.scripts import Rehearsal, Script, ScriptProblems, format_duration, parse_script
from shared.scripts.effects import Incoming, Newcomer, SendText
from shared.scripts.rehearsal import described

SEED = "rehearsal"
# An afternoon of trying; each line plays all of them again.
MOST_DEEDS = 200
LONGEST_WAIT = 7 * 86_400.0


class Deed(BaseModel):
    """What somebody at the page does: says something as a guest, lets time pass, or waits for the next thing."""

    do: Literal["say", "join", "wait", "next"]
    text: str = Field(default="", max_length=4000)
    name: str = Field(default="guest", min_length=1, max_length=64)
    seconds: float = Field(default=0, ge=0, le=LONGEST_WAIT)


@dataclass(frozen=True)
class Line:
    """A line of the chat. `kind` is guest, account, fault, time or silence; `after` is the time since the beginning."""

    kind: str
    text: str
    name: str = ""
    after: str = ""


@dataclass(frozen=True)
class Course:
    """The chat as it stands. `next` is how long it is until the script goes on by itself."""

    lines: list[Line] = field(default_factory=list)
    next: str | None = None
    broken: bool = False


def rehearse(source: str, deeds: Sequence[Deed]) -> Course:
    """Play the deeds; a script that cannot be read is `broken`."""
    script = parse_script(source)
    if isinstance(script, ScriptProblems):
        return Course(broken=True)
    return _Played(script).course(deeds)


class _Played:
    """One rehearsal and the lines that came of it."""

    def __init__(self, script: Script) -> None:
        self._rehearsal = Rehearsal(script, SEED)
        self._lines: list[Line] = []

    def course(self, deeds: Sequence[Deed]) -> Course:
        self._hear()
        for deed in deeds:
            self._do(deed)
        wake = self._rehearsal.next_wake()
        coming = None if wake is None else format_duration(max(0.0, wake - self._rehearsal.now))
        return Course(self._lines, coming)

    def _do(self, deed: Deed) -> None:
        rehearsal = self._rehearsal
        match deed.do:
            case "say" | "join":
                happening: Incoming | Newcomer
                if deed.do == "say":
                    happening = rehearsal.guest(deed.text, deed.name)
                    self._lines.append(Line("guest", deed.text, deed.name, self._after()))
                else:
                    happening = rehearsal.newcomer(deed.name)
                    self._lines.append(Line("joins", "", deed.name, self._after()))
                explanation = rehearsal.engine.explain(happening, rehearsal.moment)
                rehearsal.happens(happening)
                if not self._hear() and not any(each.begins for each in explanation.judgements):
                    why = "; ".join(str(each) for each in explanation.judgements[:4])
                    self._lines.append(Line("silence", why))
            case "wait":
                rehearsal.pass_time(deed.seconds)
                self._lines.append(Line("time", format_duration(deed.seconds)))
                self._hear()
            case "next":
                wake = rehearsal.next_wake()
                if wake is not None and wake - rehearsal.now <= LONGEST_WAIT:
                    self._lines.append(Line("time", format_duration(max(0.0, wake - rehearsal.now))))
                    rehearsal.advance(wake)
                    self._hear()

    def _hear(self) -> bool:
        """Write down what the account did; whether it did anything."""
        rehearsal, before = self._rehearsal, len(self._lines)
        while rehearsal.unheard:
            effect = rehearsal.unheard.popleft()
            to = rehearsal.author_of(effect.reply_to if isinstance(effect, SendText) else effect.message_id)
            self._lines.append(Line("account", described(effect), to, self._after()))
        for fault in rehearsal.faults:
            self._lines.append(Line("fault", f"{fault.place}: {fault.message}"))
        rehearsal.faults.clear()
        return len(self._lines) > before

    def _after(self) -> str:
        return format_duration(self._rehearsal.now)
