"""Plays a script without Telegram, in virtual time: guests talk to it, and the clock moves when it is told to.

Used by `own_tests` for the dialogues that a script carries, and by whoever tries one by hand. The dice are seeded,
so the same dialogue goes the same way everywhere. Nothing raises.
"""

from collections import deque
from datetime import datetime
from typing import assert_never

from shared.randomness import SeededRandomness
from shared.scripts.almanac import moment_in, parse_moment, zone
from shared.scripts.chats import PRIVATE
from shared.scripts.durations import format_duration
from shared.scripts.effects import Effect, Fault, Incoming, Newcomer, React, SendText
from shared.scripts.engine import Engine
from shared.scripts.explaining import Explanation
from shared.scripts.matching import Happening
from shared.scripts.model import Script

# A dialogue of hours against an `every` of seconds; more than that is a mistake in the test.
MAX_WAKES = 2000
# Epoch seconds are exact to a quarter of a microsecond: what is due in 0.7 s may come out a little later.
_ROUNDING = 1e-6
# When a rehearsal begins that does not say: a Monday at noon, when most desks are open.
NOON = parse_moment("2026-01-05 12:00")


class Rehearsal:
    """An engine with guests to talk to it and a clock that moves when it is told to.

    `clock` is the local time at which it begins; `now` counts the seconds since.
    """

    def __init__(self, script: Script, seed: str, clock: datetime = NOON) -> None:
        self._script = script
        self._began = moment_in(clock, zone(script.timezone))
        self._guests: dict[str, int] = {}
        self._authors: dict[int, str] = {}
        self._wakes = 0
        self.engine = Engine(script, SeededRandomness(seed))
        self.now = 0.0
        self.unheard: deque[SendText | React] = deque()
        self.faults: list[Fault] = []
        self.transcript: list[str] = []
        self._hear(self.engine.on_time(self.moment))

    @property
    def moment(self) -> float:
        """The engine's time: epoch seconds."""
        return self._began + self.now

    def guest(
        self, text: str, name: str, chat: str | None = None, *, mentions: bool = False, replies: bool = False
    ) -> Incoming:
        """`name` says `text` in `chat`, by default the first one that the script lists."""
        sender_id = self.guest_id(name)
        address = self.address(chat, sender_id)
        self._note(f"{name} in {address}: {text}")
        return Incoming(address, name, sender_id, text, self._message_of(name), mentions, replies)

    def newcomer(self, name: str, chat: str | None = None) -> Newcomer:
        """`name` joins `chat`, by default the first one that the script lists."""
        user_id = self.guest_id(name)
        address = self.address(chat, user_id)
        self._note(f"{name} joins {address}")
        return Newcomer(address, name, user_id, self._message_of(name))

    def happens(self, happening: Happening) -> None:
        """The account hears what a guest or a newcomer does."""
        if isinstance(happening, Incoming):
            self._hear(self.engine.on_message(happening, self.moment))
        else:
            self._hear(self.engine.on_joined(happening, self.moment))

    def pass_time(self, seconds: float) -> bool:
        """Let time pass; False when more happened in it than a rehearsal can show."""
        until = self.now + seconds
        while self.advance(until):
            self._wakes += 1
            if self._wakes > MAX_WAKES:
                return False
        return True

    def advance(self, until: float) -> bool:
        """Go on to the next thing that happens, or to `until` when that is sooner; whether something happened."""
        wake = self.next_wake()
        if wake is None or wake > until + _ROUNDING:
            self.now = max(self.now, until)
            return False
        self.now = max(self.now, wake)
        self._hear(self.engine.on_time(self.moment))
        return True

    def reload(self, script: Script) -> None:
        """Play another version from here on, as a node does."""
        self._script = script
        self.engine = self.engine.reloaded(script)
        self._hear(self.engine.on_time(self.moment))

    def explain_next(self) -> Explanation:
        """What the next thing that happens by itself would begin, and why."""
        wake = self.next_wake()
        return Explanation() if wake is None else self.engine.explain_time(self._began + max(self.now, wake))

    def guest_id(self, name: str) -> int:
        """Guests are numbered as they come."""
        return self._guests.setdefault(name, len(self._guests) + 1)

    def address(self, chat: str | None, sender_id: int) -> str:
        """Where a guest speaks: a private chat is that guest's own."""
        listed = chat or self._script.chats[0]
        return f"{PRIVATE}:{sender_id}" if listed == PRIVATE else listed

    def author_of(self, message_id: int | None) -> str:
        """The guest who wrote a message, or whose joining it tells; empty for none."""
        return self._authors.get(message_id, "") if message_id is not None else ""

    def next_wake(self) -> float | None:
        """When the script goes on by itself, in seconds since the beginning; None when it does not."""
        wake = self.engine.next_wake()
        return wake - self._began if wake is not None else None

    def next_thing(self) -> str:
        """When the script would go on by itself, in words."""
        wake = self.next_wake()
        if wake is None:
            return "nothing more is planned"
        return f"the script goes on in {format_duration(wake - self.now)}"

    def _message_of(self, name: str) -> int:
        self._authors[len(self._authors) + 1] = name
        return len(self._authors)

    def _hear(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendText(chat=chat, text=text):
                    self.unheard.append(effect)
                    self._note(f"account in {chat}: {text}")
                case React(chat=chat):
                    self.unheard.append(effect)
                    self._note(f"account in {chat}: {described(effect)}")
                case Fault():
                    self.faults.append(effect)
                    self._note(f"fault in {effect.place}: {effect.message}")
                case _:
                    assert_never(effect)

    def _note(self, line: str) -> None:
        self.transcript.append(f"+{format_duration(self.now)} {line}")


def described(effect: SendText | React) -> str:
    """What the account has done, as a transcript and a difference show it."""
    return effect.text if isinstance(effect, SendText) else f"(reacts with {effect.emoji})"
