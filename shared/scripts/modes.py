"""The mode of a scene: what happens when it is begun while it still plays in the same conversation.

`single` ignores the new beginning, `restart` ends the old run, `queued` keeps the new beginning until the
old run is over, `parallel` plays both. The last two have a bound; beyond it a beginning is ignored.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from shared.scripts.errors import nearest, shortened
from shared.scripts.parts import Part

MODES = ("single", "restart", "queued", "parallel")
# A guest who writes more than that while one answer is under way does not want one answer to each.
_BOUNDS = {"queued": (1, 10), "parallel": (2, 10)}
_DEFAULTS = {"queued": 5, "parallel": 3}


class Mode(Part):
    """A mode by its name. `max` counts the beginnings in a queue, or the runs at once."""

    kind: Literal["single", "restart", "queued", "parallel"] = "single"
    max: int = Field(default=1, ge=1)


def _mode(value: Any) -> Any:
    if isinstance(value, Mode):
        return value
    kind, bound = next(iter(value.items()), ("", None)) if isinstance(value, dict) else (value, None)
    if kind not in MODES or (isinstance(value, dict) and len(value) != 1):
        hint = nearest(kind, MODES) if isinstance(kind, str) and kind else f"there is {', '.join(MODES)}"
        raise ValueError(f"there is no mode {shortened(kind)} ({hint})")
    if not isinstance(value, dict):
        return Mode(kind=kind, max=_DEFAULTS.get(kind, 1))
    if kind not in _BOUNDS:
        raise ValueError(f"{kind} has no bound: write mode: {kind}")
    return Mode(kind=kind, max=_bound(kind, bound))


def _bound(kind: str, written: object) -> int:
    least, most = _BOUNDS[kind]
    number = written.get("max") if isinstance(written, dict) and len(written) == 1 else None
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise ValueError(f"expected a bound of {least} to {most}: {kind}: {{max: {_DEFAULTS[kind]}}}")
    return number


def _bounded_schema(kind: str) -> dict[str, Any]:
    least, most = _BOUNDS[kind]
    bound = {
        "type": "object",
        "properties": {"max": {"type": "integer", "minimum": least, "maximum": most, "default": _DEFAULTS[kind]}},
        "required": ["max"],
        "additionalProperties": False,
    }
    return {"type": "object", "properties": {kind: bound}, "required": [kind], "additionalProperties": False}


SceneMode = Annotated[
    Mode,
    BeforeValidator(_mode),
    WithJsonSchema(
        {
            "anyOf": [{"enum": list(MODES)}, *map(_bounded_schema, _BOUNDS)],
            "default": "single",
            "description": "What happens when the scene is begun while it still plays in the same conversation.",
        }
    ),
]
