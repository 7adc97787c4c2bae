"""What is wrong with a request, in words: the field by its path, and a sentence that says what to send instead.

Pydantic's findings are turned into `{"field", "message"}`. Identifiers are described, not shown as patterns.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.contracts.identifiers import IN_WORDS
from shared.findings import in_words

Told = dict[str, str]


def told(findings: Sequence[Mapping[str, Any]]) -> list[Told]:
    """Pydantic's `errors()`, in words."""
    told_once = [one for one in findings if not _follows(one, findings)]
    return [{"field": ".".join(map(str, _path(one))), "message": _message(one)} for one in told_once]


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """That there is no `kind` (field, parameter) of this name, the nearest one that there is, and all of them."""
    names = sorted(known)
    if not names:
        return f"there is no such {kind}: none is taken here"
    near = difflib.get_close_matches(name, names, n=1)
    hint = f": did you mean {near[0]!r}?" if near else "."
    return f"there is no such {kind}{hint} The {kind}s are {', '.join(names)}"


def _follows(one: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it is only that too few items are left because others of these findings are about the rest."""
    place = tuple(one["loc"])
    return one["type"] == "too_short" and any(
        tuple(other["loc"][: len(place)]) == place for other in findings if other is not one
    )


def _path(one: Mapping[str, Any]) -> Sequence[str | int]:
    place: Sequence[str | int] = one["loc"]
    # For what is not JSON the place ends with a number of characters, which is no field.
    return place[:1] if one["type"] == "json_invalid" else place


def _message(one: Mapping[str, Any]) -> str:
    context = one.get("ctx", {})
    match one["type"]:
        case "string_pattern_mismatch":
            pattern = str(context["pattern"])
            return f"must be {IN_WORDS[pattern]}" if pattern in IN_WORDS else f"must match the pattern {pattern}"
        case "json_invalid":
            place = f" at character {one['loc'][1]}" if len(one["loc"]) > 1 else ""
            return f"is not JSON: {context['error']}{place}"
        case _:
            return in_words(one)
