"""When the `every` and `at` triggers of a script are due.

Owned by the engine. A timer is one trigger in one chat. An `every` is first due one interval after the
engine first hears the time; after a pause of any length it is due once, not once for every interval
missed. An `at` that was missed by more than `AT_GRACE` is left out. A reload keeps the timers that are
the same. All times are epoch seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time

from shared.scripts.almanac import next_time, zone
from shared.scripts.chats import PRIVATE
from shared.scripts.durations import format_duration
from shared.scripts.model import Script
from shared.scripts.triggers import AtTrigger, EveryTrigger, Trigger, place_of

# A restart or a short loss of the connection; a good morning at noon is worse than none.
AT_GRACE = 600.0


@dataclass(frozen=True, slots=True)
class EveryTimer:
    """One `every` in one chat."""

    scene: str
    chat: str
    interval: float

    @property
    def key(self) -> str:
        """Its name in what is kept over a restart."""
        return f"{self.scene} {self.chat} {format_duration(self.interval)}"

    def next(self, now: float, due: float | None) -> float:
        """When it is due next after `now`, having been due at `due`, if it ever was."""
        if due is None:
            return now + self.interval
        missed = (now - due) // self.interval
        return max(due + (missed + 1) * self.interval, now + 0.001)

    def too_late(self, now: float, due: float) -> bool:
        """A late hint is a hint."""
        return False


@dataclass(frozen=True, slots=True)
class AtTimer:
    """One `at` in one chat."""

    scene: str
    chat: str
    time: time
    days: tuple[str, ...]
    timezone: str

    @property
    def key(self) -> str:
        """Its name in what is kept over a restart."""
        return f"{self.scene} {self.chat} at {self.time:%H:%M} {','.join(self.days) or 'daily'} {self.timezone}"

    def next(self, now: float, due: float | None) -> float:
        """When it is due next after `now`."""
        return next_time(self.time, self.days, zone(self.timezone), now)

    def too_late(self, now: float, due: float) -> bool:
        """Whether the time was missed."""
        return now - due > AT_GRACE


Timer = EveryTimer | AtTimer


def timers_of(script: Script) -> list[Timer]:
    """Every timer of the script, in its order; the same trigger written twice counts once."""
    found: dict[str, Timer] = {}
    for name, scene in script.scenes.items():
        for trigger in scene.triggers:
            for timer in _timers(script, name, trigger):
                found[timer.key] = timer
    return list(found.values())


def chats_of(script: Script, trigger: Trigger) -> tuple[str, ...]:
    """The listed chats in which a trigger can happen."""
    place = place_of(trigger)
    if place is None:
        return script.chats
    if place.chat is not None:
        return (place.chat,)
    return tuple(chat for chat in script.chats if chat != PRIVATE)


def _timers(script: Script, scene: str, trigger: Trigger) -> Iterator[Timer]:
    for chat in chats_of(script, trigger):
        match trigger:
            case EveryTrigger(every=every):
                yield EveryTimer(scene, chat, every.interval)
            case AtTrigger(at=at):
                yield AtTimer(scene, chat, at.time, at.days or (), script.timezone)


class Timetable:
    """The timers of one engine and when each is next due."""

    def __init__(self, script: Script, due: dict[str, float]) -> None:
        self._timers = timers_of(script)
        self._due = {timer.key: due[timer.key] for timer in self._timers if timer.key in due}

    def start(self, now: float) -> bool:
        """Count from `now` for the timers that have not been started; whether there were any."""
        if len(self._due) == len(self._timers):
            return False
        for timer in self._timers:
            if timer.key not in self._due:
                self._due[timer.key] = timer.next(now, None)
        return True

    def take_due(self, now: float) -> tuple[bool, list[tuple[float, Timer]]]:
        """Whether any timer moved, and those that are due with the time they were due at."""
        passed = [(self._due[timer.key], timer) for timer in self._timers if self._due.get(timer.key, now + 1) <= now]
        for due, timer in passed:
            self._due[timer.key] = timer.next(now, due)
        return bool(passed), [(due, timer) for due, timer in passed if not timer.too_late(now, due)]

    def next_due(self) -> float | None:
        """When to look again: at once (0) while a timer has not been started; None without timers."""
        if len(self._due) < len(self._timers):
            return 0.0
        return min(self._due.values(), default=None)

    def as_plain(self) -> dict[str, float]:
        """What is kept over a restart."""
        return dict(self._due)
