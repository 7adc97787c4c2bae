"""What pydantic says about a document, in the words of the script language.

Called by `parse` with each error of a failed validation. Paths lose the marks of unions; unknown names
get the nearest valid one. Error kinds without words of their own are told as at every other door.
"""

from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from shared.findings import in_words
from shared.scripts.conditions import CONDITION_KINDS
from shared.scripts.dialogue import LINE_KINDS, ScriptTest
from shared.scripts.errors import Finding, Path, nearest, shortened
from shared.scripts.model import Limits, Scene, Script
from shared.scripts.source import Document
from shared.scripts.steps import ALTERNATIVE_KINDS, STEP_KINDS, Speech
from shared.scripts.triggers import TRIGGER_KINDS, Appointment, Arrival, Interval, Wording

_KINDS: dict[str, tuple[str, dict[str, type[Any]]]] = {
    "steps": ("step", STEP_KINDS),
    "choose": ("alternative", ALTERNATIVE_KINDS),
    "triggers": ("trigger", TRIGGER_KINDS),
    "conditions": ("condition", CONDITION_KINDS),
    "dialogue": ("line", LINE_KINDS),
}
# Models by the key that they are written under, wherever it stands.
_MODELS: dict[str, type[BaseModel]] = {
    "limits": Limits,
    "send": Speech,
    "message": Wording,
    "mention": Wording,
    "reply": Wording,
    "joined": Arrival,
    "every": Interval,
    "at": Appointment,
}
# Fields that stand beside the key that names a step or an alternative.
_BESIDE = frozenset({"when", "weight"})
_VARIABLE_RULE = "a variable's name has small letters, digits and _, and begins with a letter"
_NAME_RULES = {
    "variables": _VARIABLE_RULE,
    "account_variables": _VARIABLE_RULE,
    "set": _VARIABLE_RULE,
    "command": "a command is / and up to 32 letters, digits or _, such as /price",
}
_NAME_RULE = "a name has small letters, digits, - and _, and begins with a letter or digit"


def findings(errors: list[ErrorDetails], document: Document) -> list[Finding]:
    """One finding for each error that tells its reader something new."""
    found = [_finding(error, document) for error in errors if not _echo(error, document)]
    return list(dict.fromkeys(found))


def _echo(error: ErrorDetails, document: Document) -> bool:
    """A list is reported as too short when its items were refused: that is no news."""
    written = document.value_at(_path(error))
    return (
        error["type"] == "too_short" and isinstance(written, list | dict) and len(written) >= error["ctx"]["min_length"]
    )


def _path(error: ErrorDetails) -> Path:
    """The error's path without union tags (`<reply>`) and without pydantic's mark for keys."""
    return tuple(
        part
        for part in error["loc"]
        if not (isinstance(part, str) and (part == "[key]" or (part.startswith("<") and part.endswith(">"))))
    )


def _finding(error: ErrorDetails, document: Document) -> Finding:
    path = _path(error)
    name = str(path[-1]) if path else ""
    match error["type"]:
        case "missing":
            return Finding(path, f"{name} is missing", f"add: {name}: …")
        case "extra_forbidden":
            valid = _fields_at(path[:-1], document)
            return Finding(path, f"unknown field {shortened(name)}", nearest(name, valid), at_key=True)
        case "union_tag_not_found":
            return _unknown_kind(path, document)
        case "string_pattern_mismatch":
            return _bad_name(error, path)
        case "string_type":
            return Finding(path, "expected text", _quote_hint(document.value_at(path)))
        case "literal_error":
            return Finding(path, f"expected {error['ctx']['expected'].lower()}")
        case "value_error":
            return Finding(path, str(error["ctx"]["error"]))
        case "tuple_type":
            return Finding(path, "expected a list", "write each item on a line that begins with -")
        case "dict_type" | "model_type" | "model_attributes_type":
            return Finding(path, "expected fields, each as name: value", _truth_hint(document.value_at(path)))
        case _:
            return Finding(path, in_words(error))


def _quote_hint(value: object) -> str:
    if isinstance(value, bool | int | float):
        return "put it in quotes"
    if isinstance(value, dict):
        return 'a text that begins with { or contains ": " must be in quotes'
    return ""


def _truth_hint(value: object) -> str:
    """YAML 1.1 read these words as true; here they are text."""
    return f"{value} is a text here: write true" if isinstance(value, str) and value.lower() in ("yes", "on") else ""


def _bad_name(error: ErrorDetails, path: Path) -> Finding:
    is_key = error["loc"][-1] == "[key]"
    about = path[-2] if is_key and len(path) > 1 else path[-1]
    rule = _NAME_RULES.get(str(about), _NAME_RULE)
    return Finding(path, f"{shortened(error['input'])} is not a valid name", rule, at_key=is_key)


def _unknown_kind(path: Path, document: Document) -> Finding:
    what, kinds = _KINDS[str(path[-2])]
    value = document.value_at(path)
    if not isinstance(value, dict):
        written = shortened(value) if isinstance(value, str) else "this"
        return Finding(path, f"{written} is not a {what}", f"a {what} is one of {', '.join(kinds)}")
    present = [key for key in value if key in kinds]
    if present:
        return Finding(path, f"{' and '.join(present)} in one {what}", f"write a {what} of its own for each")
    name = next((key for key in value if key not in _BESIDE), "")
    if what == "alternative" and name == "choose":
        return Finding(path, "a choose inside a choose is not available", "use goto to a scene that chooses")
    if not name:
        return Finding(path, f"this {what} does nothing", f"a {what} is one of {', '.join(kinds)}")
    return Finding(path, f"there is no {what} {shortened(name)}", nearest(name, kinds))


def _fields_at(path: Path, document: Document) -> list[str]:
    """The names that may stand in the mapping at `path`."""
    model: type[BaseModel] | None = None
    match path:
        case ():
            model = Script
        case ("scenes", _):
            model = Scene
        case ("tests", _):
            model = ScriptTest
        case (*_, str() as group, int()) if group in _KINDS:
            return _fields_of_kind(group, path, document)
        case (*_, str() as key):
            model = _MODELS.get(key)
    return [info.alias or name for name, info in model.model_fields.items()] if model is not None else []


def _fields_of_kind(group: str, path: Path, document: Document) -> list[str]:
    kinds = _KINDS[group][1]
    written = document.value_at(path)
    chosen = [kinds[key] for key in written if key in kinds] if isinstance(written, dict) else []
    fields = chosen[0].model_fields.items() if chosen else ()
    return [info.alias or name for name, info in fields]
