"""Whether a trigger always takes what a later one waits for.

Asked by `checks` for every pair of a script's triggers: two thousand of them make two million questions, so what is
compared is made once for each trigger.
"""

from dataclasses import dataclass
from typing import Literal

from shared.scripts.matching import folded, wording_of
from shared.scripts.triggers import CommandTrigger, JoinedTrigger, Trigger


@dataclass(frozen=True, slots=True)
class Reach:
    """What fits a trigger: of its kind everything, or what compares with `what` in one way."""

    kind: type[Trigger]
    way: Literal["any", "equal", "contains", "pattern"]
    what: str = ""

    def covers(self, other: "Reach") -> bool:
        """Whether everything that fits the other fits this one, so that the other never has a turn after it."""
        if self.kind is not other.kind:
            return False
        if self.way == "any":
            return True
        if self.way == "contains":
            return other.way in ("equal", "contains") and self.what in other.what
        return self.way == other.way and self.what == other.what


def reach_of(trigger: Trigger) -> Reach | None:
    """The trigger's reach; None for what time begins, which nothing takes away."""
    kind, wanted = type(trigger), wording_of(trigger)
    match trigger:
        case CommandTrigger(command=command):
            return Reach(kind, "equal", command.casefold())
        case JoinedTrigger(joined=place):
            return Reach(kind, "any") if place.chat is None else Reach(kind, "equal", place.chat)
    if wanted is None:
        return None
    if wanted.pattern is not None:
        return Reach(kind, "pattern", wanted.pattern)
    if wanted.text is not None:
        return Reach(kind, "equal", folded(wanted.text))
    return Reach(kind, "any") if wanted.contains is None else Reach(kind, "contains", wanted.contains.casefold())
