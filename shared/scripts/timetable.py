"""When the `every` triggers of a script are due.

Owned by the engine. A timer is one trigger in one chat; it is first due one interval after the engine
first hears the time. After a pause of any length it is due once, not once for every interval missed.
A reload keeps the timers whose scene, interval and chat are the same.
"""

from dataclasses import dataclass

from shared.scripts.chats import PRIVATE
from shared.scripts.durations import format_duration
from shared.scripts.model import Script
from shared.scripts.triggers import EveryTrigger


@dataclass(frozen=True, slots=True)
class Timer:
    """One `every` in one chat."""

    scene: str
    chat: str
    interval: float

    @property
    def key(self) -> str:
        """Its name in a snapshot."""
        return f"{self.scene} {self.chat} {format_duration(self.interval)}"


def timers_of(script: Script) -> list[Timer]:
    """Every timer of the script, in its order; the same trigger written twice counts once."""
    found: dict[str, Timer] = {}
    public = [chat for chat in script.chats if chat != PRIVATE]
    for name, scene in script.scenes.items():
        for trigger in scene.triggers:
            if isinstance(trigger, EveryTrigger):
                chats = [trigger.every.chat] if trigger.every.chat is not None else public
                for timer in (Timer(name, chat, trigger.every.interval) for chat in chats):
                    found[timer.key] = timer
    return list(found.values())


class Timetable:
    """The timers of one engine and when each is next due, in seconds of the caller's clock."""

    def __init__(self, script: Script, due: dict[str, float]) -> None:
        self._timers = timers_of(script)
        self._due = {timer.key: due[timer.key] for timer in self._timers if timer.key in due}

    def start(self, now: float) -> None:
        """Count from `now` for the timers that have not been started."""
        for timer in self._timers:
            self._due.setdefault(timer.key, now + timer.interval)

    def take_due(self, now: float) -> list[tuple[float, Timer]]:
        """The timers that are due, with the time they were due at; each is set for its next time."""
        taken = []
        for timer in self._timers:
            due = self._due.get(timer.key)
            if due is not None and due <= now:
                taken.append((due, timer))
                missed = (now - due) // timer.interval
                self._due[timer.key] = max(due + (missed + 1) * timer.interval, now + 0.001)
        return taken

    def next_due(self) -> float | None:
        """When to look again: at once (0) while a timer has not been started; None without timers."""
        if len(self._due) < len(self._timers):
            return 0.0
        return min(self._due.values(), default=None)

    def as_plain(self) -> dict[str, float]:
        """What a snapshot keeps."""
        return dict(self._due)
