"""How the chat shows what happened: reasons, events and what is to come, as lines for a terminal or a pipe."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from services.cli.cells import visible
from services.cli.chat.performance import Course, Event, Kind
from services.cli.chat.trial import MOST_WAKES, Trial
from shared.scripts import Explanation, Judgement
from shared.scripts.almanac import clock_of, zone
from shared.scripts.explaining import roughly

# Reasons beside a message that nothing answers; `:why` has all of them.
MOST_REASONS = 12

_STYLES = {
    Kind.BEGINS: "green",
    Kind.HELD_BACK: "yellow",
    Kind.SPEAKS: "bold",
    Kind.REACTS: "bold",
    Kind.FAILS: "red",
    Kind.ENDS: "dim",
}
# Beyond so many events, each is told so many times.
MOST_EVENTS, ALWAYS = 12, 2
MOST_OF_A_LINE = 60
# What a message has nothing to do with: a timed trigger speaks for itself when its time comes.
_BESIDE_THE_POINT = frozenset({"only time begins it", "nobody has joined", "nobody has written"})


def reasons(explanation: Explanation) -> Iterator[Text]:
    """Which scene a message or a newcomer begins, and what was held back before it; where none begins, why not."""
    taken = explanation.taken
    if explanation.unheard:
        yield _line(f"not heard: {explanation.unheard}", "yellow")
    elif taken is None:
        yield _line("nothing answers", "yellow")
        telling = [each for each in explanation.judgements if each.why not in _BESIDE_THE_POINT]
        telling.sort(key=lambda each: not each.fits)
        yield from (_line(f"  {each}", "yellow" if each.fits else "dim") for each in telling[:MOST_REASONS])
        if len(telling) > MOST_REASONS:
            yield _line(f"  and {len(telling) - MOST_REASONS} more reasons: :why", "dim")
    else:
        before = explanation.judgements[: explanation.judgements.index(taken)]
        yield from (_line(f"{each}", "yellow") for each in before if each.fits)
        yield _taken(taken)


def every_reason(explanation: Explanation) -> Iterator[Text]:
    """What became of every trigger."""
    if explanation.unheard:
        yield _line(f"not heard: {explanation.unheard}", "yellow")
    for each in explanation.judgements:
        yield _taken(each) if each.takes else _line(f"{each}", "yellow" if each.fits else "dim")


def _taken(judgement: Judgement) -> Text:
    what = "begins" if judgement.begins else "does not begin"
    why = f" ({judgement.why})" if judgement.why else ""
    return _line(
        f"{judgement.scene} {what}: {judgement.trigger}{why}",
        _STYLES[Kind.BEGINS if judgement.begins else Kind.HELD_BACK],
    )


@dataclass(frozen=True)
class Teller:
    """Tells events as seen from `here`, the address of the chat that one is in."""

    trial: Trial
    here: str

    def events(self, course: Course, *, timed: bool) -> Iterator[Text]:
        """What was seen; where time has passed, with the time of each. What comes again and again is told in short."""
        most = ALWAYS if len(course.events) > MOST_EVENTS else len(course.events)
        told: Counter[tuple[Kind, str, str]] = Counter()
        for event in course.events:
            told[event.kind, event.text, event.chat] += 1
            if told[event.kind, event.text, event.chat] <= most:
                yield self._event(event, f"{self.clock(event.at)}  " if timed else "")
        for (_, text, _), times in told.items():
            if times > most:
                yield _line(f"and {times - most} times more: {_shortened(text)}", "dim")
        if not course.whole:
            yield _line(
                f"stopped here, after {MOST_WAKES} things: say it again to go on, or :restart at a time", "yellow"
            )

    def coming(self, most: int) -> Iterator[Text]:
        """What would be seen next if nobody did anything."""
        for event in self.trial.coming(most):
            line = self._event(event, f"in {roughly(event.at - self.trial.now)}: ")
            line.stylize("dim")
            yield line

    def clock(self, at: float) -> str:
        """The time of day, so many seconds after the beginning."""
        moment = self.trial.moment - self.trial.now + at
        return f"{clock_of(zone(self.trial.script.timezone), moment)}:{int(moment) % 60:02}"

    def date(self) -> str:
        """Now, with the date."""
        script = self.trial.script
        return f"{datetime.fromtimestamp(self.trial.moment, zone(script.timezone)):%Y-%m-%d %H:%M:%S} {script.timezone}"

    def remembered(self, chat: str, name: str) -> Iterator[Text]:
        """The variables with their values now, and what still plays in the conversation."""
        script, conversation = self.trial.script, self.trial.conversation(chat, name)
        own = {**script.variables, **(conversation.variables if conversation else {})}
        yield from _variables(f"of {name} in {chat}", own, script.variables)
        if script.account_variables:
            yield from _variables("of the account", self.trial.account_variables(), script.account_variables)
        for queued in conversation.queue if conversation else ():
            yield _line(f"{queued.scene} waits for its turn", "")
        for whose, run in self.trial.playing():
            wait = roughly(run.wake_at - self.trial.moment)
            yield _line(f"{run.scene} plays for {whose}: on with steps[{run.step}] in {wait}", "")

    def _event(self, event: Event, before: str) -> Text:
        text = visible(event.text)
        if event.kind in (Kind.SPEAKS, Kind.REACTS):
            to = f" → {event.to}" if event.to else ""
            where = f" in {self.trial.in_words(event.chat)}" if event.chat != self.here else ""
            before += visible(f"account{to}{where}: ")
        elif event.kind is Kind.FAILS:
            before += "fault in "
        elif event.kind is Kind.ENDS and event.chat != self.here:
            text += f" in {self.trial.in_words(event.chat)}"
        first, *more = text.split("\n")
        lines = "\n".join([first, *(f"    {line}" for line in more)])
        return Text.assemble("  ", before, (lines, _STYLES[event.kind]))


def _line(text: str, style: str) -> Text:
    return Text(f"  {visible(text)}", style=style)


def _variables(whose: str, values: Mapping[str, object], first: Mapping[str, object]) -> Iterator[Text]:
    if not values:
        yield _line(f"{whose}: no variables", "dim")
        return
    yield _line(f"{whose}:", "dim")
    for name, value in values.items():
        changed = f"  (first {_value(first[name])})" if value != first[name] else ""
        yield _line(f"  {name} = {_value(value)}{changed}", "")


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_OF_A_LINE else f"{line[: MOST_OF_A_LINE - 1]}…"
