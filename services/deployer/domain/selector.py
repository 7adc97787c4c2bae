"""The label selector of a deployment: `all`, or conditions that must all hold: `region=eu,tier!=test`.

`label=value` wants the label with this value. `label!=value` wants anything else, and a node without the label
matches too, as in Kubernetes. Pure; a selector that cannot be read comes back as the reason why.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WORD = r"[A-Za-z0-9_.-]{1,63}"
_CONDITION = re.compile(rf"\s*({_WORD})\s*(!=|=)\s*({_WORD})\s*")
ALL = "all"
MOST_CONDITIONS = 20


@dataclass(frozen=True, slots=True)
class Condition:
    """One label that must (not) have a value."""

    label: str
    value: str
    negated: bool

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels satisfies it."""
        return (labels.get(self.label) == self.value) is not self.negated


@dataclass(frozen=True, slots=True)
class Selector:
    """Conditions that must all hold; without any it selects every node."""

    conditions: tuple[Condition, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels is selected."""
        return all(condition.holds(labels) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class SelectorProblem:
    """Why a selector cannot be read."""

    message: str


def parse_selector(text: str) -> Selector | SelectorProblem:
    """The selector in `text`."""
    if text.strip() == ALL:
        return Selector()
    parts = text.split(",")
    if len(parts) > MOST_CONDITIONS:
        return SelectorProblem(f"has {len(parts)} conditions, at most {MOST_CONDITIONS} are accepted")
    conditions = []
    for number, part in enumerate(parts, start=1):
        found = _CONDITION.fullmatch(part)
        if found is None:
            return SelectorProblem(
                f"condition {number}, {part.strip()[:80]!r}, is not readable: "
                "write label=value or label!=value, separated by commas, or the word all"
            )
        label, operator, value = found.groups()
        conditions.append(Condition(label, value, operator == "!="))
    return Selector(tuple(conditions))
