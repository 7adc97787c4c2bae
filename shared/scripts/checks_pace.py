"""Whether a script can say more in a minute than its own limits let through.

One of the checks of `checks`. What counts is what a script does by itself: one run, its loops, and what
its timers begin together. How often guests write is not in the script's hands; for them there are the
limits. What is found here would be held up and, beyond `limits.late`, be lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import ceil, inf

from shared.scripts.almanac import DAYS
from shared.scripts.chats import PRIVATE
from shared.scripts.errors import Finding, Path
from shared.scripts.flow import Saying
from shared.scripts.model import Scene, Script
from shared.scripts.pace import MINUTE, MOST, Pace, reachable, shortest_runs
from shared.scripts.steps import ReactStep, SendStep, options_of
from shared.scripts.timetable import chats_of
from shared.scripts.triggers import AtTrigger, EveryTrigger

_HIGHEST_CHAT, _HIGHEST_ACCOUNT = 20, 60


def check_pace(script: Script) -> Iterator[Finding]:
    """Runs, and timers together, that are faster than the limits."""
    rates = _Rates(script)
    found = [*_runs(rates), *_timers(rates)]
    yield from {each.path: each for each in reversed(found)}.values()


@dataclass(frozen=True)
class _Burst:
    """Messages that a timer begins in a minute in one chat."""

    path: Path
    count: int
    when: tuple[str, str] | None  # the day and the time of an `at`; None for an `every`, which can fall on any


class _Rates:
    """The paces of a script, each computed once."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.named = frozenset(
            option.send.chat
            for scene in script.scenes.values()
            for step in scene.steps
            for option in options_of(step)
            if isinstance(option, SendStep) and option.send.chat is not None
        )
        self.pace = cache(self._pace)
        self.shortest_runs = cache(lambda: shortest_runs(script))
        self.reachable = cache(lambda scene: frozenset(reachable(script, [scene])))

    def in_chat(self, chat: str, here: frozenset[str]) -> Pace:
        """What is said in `chat`, where the conversations of the scenes `here` are in it too."""
        return self.pace(chat if chat in self.named else None, here)

    def everywhere(self) -> Pace:
        """What is said anywhere."""
        return Pace(self.script, lambda scene, step: True)

    def _pace(self, chat: str | None, here: frozenset[str]) -> Pace:
        def counts(scene: str, step: Saying) -> bool:
            if isinstance(step, ReactStep):
                return False
            named = step.send.chat if isinstance(step, SendStep) else None
            return scene in here if named is None else named == chat

        return Pace(self.script, counts)


def _runs(rates: _Rates) -> Iterator[Finding]:
    script = rates.script
    for chat in script.chats:
        beginning = [name for name, scene in script.scenes.items() if _can_begin_in(script, scene, chat)]
        peak = rates.in_chat(chat, frozenset(reachable(script, beginning))).peak(script.scenes)
        if peak is not None and peak.count > script.limits.per_chat_per_minute:
            path: Path = ("scenes", peak.scene, "steps", peak.step)
            yield _in_chat(script, path, "from here one run says", peak.count, chat)
    peak = rates.everywhere().peak(script.scenes)
    if peak is not None and peak.count > script.limits.per_account_per_minute:
        yield _in_all(script, ("scenes", peak.scene, "steps", peak.step), "from here one run says", peak.count)


def _timers(rates: _Rates) -> Iterator[Finding]:
    script = rates.script
    if not any(
        isinstance(each, EveryTrigger | AtTrigger) for scene in script.scenes.values() for each in scene.triggers
    ):
        return
    total: list[_Burst] = []
    for chat in script.chats:
        bursts = [burst for burst in _bursts(rates, chat) if burst.count]
        total += bursts
        path, count = _worst(bursts)
        if count > script.limits.per_chat_per_minute:
            yield _in_chat(script, path, "timers say", count, chat)
    path, count = _worst(total)
    if count > script.limits.per_account_per_minute:
        yield _in_all(script, path, "timers say", count)


def _bursts(rates: _Rates, chat: str) -> Iterator[_Burst]:
    """What each timer can begin in a minute that is said in `chat`."""
    for name, scene in rates.script.scenes.items():
        for index, trigger in enumerate(scene.triggers):
            if not isinstance(trigger, EveryTrigger | AtTrigger):
                continue
            path: Path = ("scenes", name, "triggers", index)
            chats = [each for each in chats_of(rates.script, trigger) if _holds_in(scene, each)]
            here = chat in chats
            count = _sends(rates, name, chat, trigger, here=True) if here else 0
            count += (len(chats) - here) * _sends(rates, name, chat, trigger, here=False)
            if isinstance(trigger, EveryTrigger):
                yield _Burst(path, count, None)
            else:
                for day in trigger.at.days or DAYS:
                    yield _Burst(path, count, (day, f"{trigger.at.time:%H:%M}"))


def _sends(rates: _Rates, name: str, chat: str, trigger: EveryTrigger | AtTrigger, *, here: bool) -> int:
    """The most that the runs which one timer begins in one conversation say in `chat` in a minute."""
    if not here and chat not in rates.named:
        return 0
    scenes = rates.reachable(name)
    pace = rates.in_chat(chat, scenes if here else frozenset())
    if isinstance(trigger, AtTrigger):
        peak = pace.peak(scenes)
        return peak.count if peak else 0
    interval, mode = trigger.every.interval, rates.script.scenes[name].mode
    if mode.kind == "restart":
        return ceil(MINUTE / interval) * pace.within(name, min(interval, MINUTE))
    peak = pace.peak(scenes)
    least = rates.shortest_runs()[name]
    if mode.kind == "parallel":
        begun = max(ceil(MINUTE / interval), mode.max if least >= interval else 1)
    else:  # the next one is begun by the first tick after the last one's end
        begun = 1 if least == inf else ceil(MINUTE / (interval * max(1, ceil(least / interval))))
    return begun * (peak.count if peak else 0)


def _worst(bursts: list[_Burst]) -> tuple[Path, int]:
    """The worst minute: every `every` at once, with the `at` of one day and time. And the first trigger of it."""
    minutes = [[each for each in bursts if each.when in (None, time)] for time in {burst.when for burst in bursts}]
    worst = max(minutes, key=lambda minute: sum(burst.count for burst in minute), default=[])
    return min((burst.path for burst in worst), default=()), sum(burst.count for burst in worst)


def _can_begin_in(script: Script, scene: Scene, chat: str) -> bool:
    return _holds_in(scene, chat) and any(chat in chats_of(script, trigger) for trigger in scene.triggers)


def _holds_in(scene: Scene, chat: str) -> bool:
    return all(each.chat == chat for each in scene.chat_conditions)


def _number(count: int) -> str:
    return f"{count} or more" if count >= MOST else f"up to {count}"


def _in_chat(script: Script, path: Path, who: str, count: int, chat: str) -> Finding:
    limit = script.limits.per_chat_per_minute
    where = "a private chat" if chat == PRIVATE else chat
    message = f"{who} {_number(count)} messages in a minute in {where}, limits.per_chat_per_minute is {limit}"
    return Finding(path, message, _advice("per_chat_per_minute", count, _HIGHEST_CHAT))


def _in_all(script: Script, path: Path, who: str, count: int) -> Finding:
    limit = script.limits.per_account_per_minute
    count_words = f"{_number(count)} messages and reactions"
    message = f"{who} {count_words} in a minute in all, limits.per_account_per_minute is {limit}"
    return Finding(path, message, _advice("per_account_per_minute", count, _HIGHEST_ACCOUNT))


def _advice(name: str, count: int, highest: int) -> str:
    return f"raise {name} to {count}, or wait in between" if count <= highest else "wait in between"
