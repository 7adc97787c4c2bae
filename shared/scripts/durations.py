"""Durations as scripts write them: `500ms`, `30s`, `5m`, `1h30m`, `2d`.

Called by the models when a script is parsed, and by whoever shows a duration to people. A bare number is
refused, because readers disagree about its unit.
"""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# Seven digits are 115 days in seconds: more than any duration a script may hold.
_PART = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_MAX_LENGTH = 40
# The same for editors: JSON Schema's dialect of patterns knows no "spaces do not count".
SPELLING = r"^( *[0-9]{1,7}(\.[0-9]{1,3})? *([mM][sS]|[sSmMhHdD]) *)+$"


def parse_duration(text: object) -> float:
    """Seconds of a duration such as `1h30m`. Raises ValueError with words for the script's author."""
    if not isinstance(text, str):
        raise ValueError("expected a duration with its unit, such as 30s, 5m or 1h30m")
    compact = text.replace(" ", "").lower()
    if len(compact) > _MAX_LENGTH or not _WHOLE.fullmatch(compact):
        raise ValueError("expected a duration such as 500ms, 30s, 5m, 1h30m or 2d")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(compact))


def format_duration(seconds: float) -> str:
    """The shortest spelling that `parse_duration` reads back, to the millisecond: 90 becomes `1m30s`."""
    left = round(seconds * 1000)
    if left <= 0:
        return "0s"
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text
