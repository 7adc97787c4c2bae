"""A rehearsal as somebody watches it: what begins and why, what is said, what ends, and what would come next.

Owned by the trial. Reads no file and prints nothing. What is still to come is found by letting a copy go on, with the
same dice, so it is what will happen unless somebody does something before.
"""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from shared.scripts import AccountMemory, Conversation, ConversationKey, Explanation, Judgement, Rehearsal, Script
from shared.scripts.effects import React, SendText
from shared.scripts.matching import Happening
from shared.scripts.rehearsal import described

_SEED = "chat"
# Steps without anything new before the look ahead gives up: a script may hint and count for ever.
MOST_QUIET = 50


class Kind(Enum):
    """What one sees of a script."""

    BEGINS = auto()
    HELD_BACK = auto()
    SPEAKS = auto()
    REACTS = auto()
    FAILS = auto()
    ENDS = auto()


@dataclass(frozen=True)
class Event:
    """One thing that is seen, `at` so many seconds after the beginning; `to` is the guest whom it answers."""

    at: float
    kind: Kind
    text: str
    chat: str = ""
    to: str = ""


@dataclass(frozen=True)
class Course:
    """What came of something: why scenes began or did not, and what was seen.

    `whole` is false when more would have happened than anybody reads.
    """

    explanation: Explanation = field(default_factory=Explanation)
    events: tuple[Event, ...] = ()
    whole: bool = True

    def __add__(self, later: "Course") -> "Course":
        judgements = (*self.explanation.judgements, *later.explanation.judgements)
        return Course(Explanation(judgements), (*self.events, *later.events), self.whole and later.whole)


class Performance:
    """See the module's docstring. `clock` is the local time at which it begins."""

    def __init__(self, script: Script, clock: datetime) -> None:
        self.script = script
        self.rehearsal = Rehearsal(script, _SEED, clock)
        self.conversations: dict[ConversationKey, Conversation] = {}
        self.account = AccountMemory()
        self._remember()

    def hear(self, happening: Happening) -> Course:
        """Somebody says something or joins."""
        explanation = self.rehearsal.engine.explain(happening, self.rehearsal.moment)
        before = self._runs()
        self.rehearsal.happens(happening)
        return Course(explanation, tuple(self._seen(before)))

    def step(self, until: float) -> Course | None:
        """Go on to the next thing that happens by itself; None when there is none before `until`, which is then now."""
        explanation, before = self.rehearsal.explain_next(), self._runs()
        if not self.rehearsal.advance(until):
            return None
        timed = (_timed(each, self.rehearsal.now) for each in explanation.judgements)
        return Course(explanation, (*timed, *self._seen(before)))

    def coming(self, most: int, until: float) -> list[Event]:
        """What would be seen next, up to `until`, if nobody did anything; what comes again and again only once."""
        ahead = deepcopy(self, {id(self.script): self.script})
        found: dict[tuple[str, str], Event] = {}
        quiet = 0
        while len(found) < most and quiet < MOST_QUIET and (course := ahead.step(until)) is not None:
            before = len(found)
            for event in course.events:
                if event.kind not in (Kind.BEGINS, Kind.HELD_BACK):
                    found.setdefault((event.text, event.chat), event)
            quiet = 0 if len(found) > before else quiet + 1
        return list(found.values())[:most]

    def reload(self, script: Script) -> tuple[list[str], Course]:
        """Go on with another version of the script: the scenes whose runs it ended, and what was seen."""
        before = self._runs()
        self.script = script
        self.rehearsal.reload(script)
        self._remember()
        ended = before - self._runs()
        return sorted(scene for _, scene in ended.elements()), Course(events=tuple(self._done()))

    def _seen(self, before: Counter[tuple[ConversationKey, str]]) -> Iterator[Event]:
        self._remember()
        done = list(self._done())
        yield from done
        if not done:
            # Where something was said, nobody misses the word that it is over.
            for (chat, _), scene in (before - self._runs()).elements():
                yield Event(self.rehearsal.now, Kind.ENDS, f"{scene} is over", chat)

    def _done(self) -> Iterator[Event]:
        now, rehearsal = self.rehearsal.now, self.rehearsal
        while rehearsal.unheard:
            effect = rehearsal.unheard.popleft()
            message = effect.reply_to if isinstance(effect, SendText) else effect.message_id
            kind = Kind.REACTS if isinstance(effect, React) else Kind.SPEAKS
            yield Event(now, kind, described(effect), effect.chat, rehearsal.author_of(message))
        for fault in rehearsal.faults:
            yield Event(now, Kind.FAILS, f"{fault.place}: {fault.message}", fault.chat)
        rehearsal.faults.clear()

    def _remember(self) -> None:
        """Follow the engine as a node's ledger does."""
        changes = self.rehearsal.engine.take_changes()
        for key, conversation in changes.conversations.items():
            if conversation is None:
                self.conversations.pop(key, None)
            else:
                self.conversations[key] = conversation
        self.account = changes.account or self.account

    def _runs(self) -> Counter[tuple[ConversationKey, str]]:
        return Counter((each.key, run.entry) for each in self.conversations.values() for run in each.runs)


def _timed(judgement: Judgement, now: float) -> Event:
    if judgement.begins:
        return Event(now, Kind.BEGINS, f"{judgement.scene} begins: {judgement.trigger}")
    return Event(now, Kind.HELD_BACK, f"{judgement.scene} does not begin: {judgement.trigger}: {judgement.why}")
