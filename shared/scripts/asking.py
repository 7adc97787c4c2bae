"""Asks the conditions of a scene: may it begin now?

Called by the engine when a trigger fits, before the scene begins; nothing is changed by asking. An
expression that fails does not hold, and the operator is told. Every kind of condition has one branch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from shared.scripts.almanac import clock_of, day_of, within_hours, zone
from shared.scripts.chats import PRIVATE
from shared.scripts.conditions import (
    ChatCondition,
    Condition,
    CooldownCondition,
    DaysCondition,
    ExprCondition,
    HoursCondition,
)
from shared.scripts.durations import format_duration
from shared.scripts.model import Scene, Script
from shared.scripts.templates import TextFailure, holds


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and where a trigger fits, what texts know then, and when the scene last began there."""

    now: float
    chat: str
    names: Mapping[str, Any]
    began: float | None


@dataclass(frozen=True, slots=True)
class Unmet:
    """The first condition that does not hold, and why, in words; `failed` when it could not be asked."""

    index: int
    why: str
    failed: bool = False


def first_unmet(script: Script, scene: Scene, occasion: Occasion) -> Unmet | None:
    """The first of the scene's conditions that does not hold; None when the scene may begin."""
    for index, condition in enumerate(scene.conditions):
        why = _why_not(script, condition, occasion)
        if why:
            return Unmet(index, why.message, failed=True) if isinstance(why, TextFailure) else Unmet(index, why)
    return None


def _why_not(script: Script, condition: Condition, occasion: Occasion) -> str | TextFailure:
    where = zone(script.timezone)
    match condition:
        case ExprCondition(expr=source):
            outcome = holds(source, occasion.names)
            if isinstance(outcome, TextFailure):
                return outcome
            return "" if outcome else f"{source} does not hold"
        case HoursCondition(hours=(begin, end)):
            if within_hours(begin, end, where, occasion.now):
                return ""
            return f"it is {clock_of(where, occasion.now)}, the hours are {begin:%H:%M} to {end:%H:%M}"
        case DaysCondition(days=days):
            today = day_of(where, occasion.now)
            return "" if today in days else f"it is {today}, the days are {', '.join(days)}"
        case ChatCondition(chat=chat):
            here = PRIVATE if occasion.chat.startswith(PRIVATE + ":") else occasion.chat
            return "" if here == chat else f"it is in {here}, the chat is {chat}"
        case CooldownCondition(cooldown=seconds):
            left = occasion.began + seconds - occasion.now if occasion.began is not None else 0.0
            return f"it began lately, again in {format_duration(left)}" if left > 0 else ""
        case _:
            assert_never(condition)
