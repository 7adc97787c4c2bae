"""The conditions of a scene, as models: what must hold when a trigger happens.

All of a scene's conditions must hold, else the scene does not begin and a message goes on to the next
one. Each condition is a mapping with one key; a new one is a new class here and one branch in `asking`.
"""

from datetime import time
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from shared.scripts.parts import ChatName, Days, Expression, Part, TimeOfDay, duration, one_key_of, tagged

MIN_COOLDOWN, MAX_COOLDOWN = 1.0, 7 * 86_400.0


class ExprCondition(Part):
    """An expression over variables and what is known of the message."""

    expr: Expression


def _two_ends(value: object) -> object:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError('expected the first and the last moment: ["09:00", "18:00"]')
    return value


def _not_empty(ends: tuple[time, time]) -> tuple[time, time]:
    if ends[0] == ends[1]:
        raise ValueError("the two ends are the same: leave the condition out for the whole day")
    return ends


class HoursCondition(Part):
    """From the first time of day until before the second; the second may be on the next day."""

    hours: Annotated[tuple[TimeOfDay, TimeOfDay], BeforeValidator(_two_ends), AfterValidator(_not_empty)]


class DaysCondition(Part):
    """Days of the week in the script's time zone."""

    days: Days


class ChatCondition(Part):
    """In this chat only; `private` is any private chat."""

    chat: ChatName


class CooldownCondition(Part):
    """Not again in the same conversation before this time is over."""

    cooldown: Annotated[float, *duration("cooldown", MIN_COOLDOWN, MAX_COOLDOWN)]


CONDITION_KINDS: dict[str, type[Part]] = {
    "expr": ExprCondition,
    "hours": HoursCondition,
    "days": DaysCondition,
    "chat": ChatCondition,
    "cooldown": CooldownCondition,
}

Condition = Annotated[
    Annotated[ExprCondition, tagged("expr")]
    | Annotated[HoursCondition, tagged("hours")]
    | Annotated[DaysCondition, tagged("days")]
    | Annotated[ChatCondition, tagged("chat")]
    | Annotated[CooldownCondition, tagged("cooldown")],
    one_key_of(*CONDITION_KINDS),
]
