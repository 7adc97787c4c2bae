"""What texts can do with values: the filters, arithmetic, and the meter that bounds their work.

Used by `sandbox` and `templates` only. Whatever a text does pays for what it is about to touch, in
characters, before it does it; a text that has used up its meter fails. The meter counts work and not time,
so a text fails on every machine or on none. Numbers stay within 64 bits. Raises SecurityError, which
becomes a TextFailure.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS

# For one text: a hundred rounds of a loop with a few filters on the longest message. A tenth of a second.
MAX_WORK = 1_000_000
# For all that one message or one moment makes one conversation do. Half a second.
MAX_WORK_AT_ONCE = 5_000_000
# What any operation costs beside the characters that it touches, and what any piece of a text costs.
_OPERATION, PIECE = 20, 5
# No value may be larger than a few messages.
MAX_VALUE = 20_000
_MAX_INT = 2**63 - 1
# More digits than any number of 64 bits has.
_MAX_DIGITS = 40


@dataclass(slots=True)
class _Meter:
    left: int


_METER: ContextVar[_Meter] = ContextVar("script_text_meter")


@contextmanager
def metered(most: int) -> Iterator[None]:
    """Everything in this block may do `most` together, and no more than is left of the block around it."""
    outer = _METER.get(None)
    begun = most if outer is None else min(most, outer.left)
    meter = _Meter(begun)
    token = _METER.set(meter)
    try:
        yield
    finally:
        _METER.reset(token)
        if outer is not None:
            outer.left -= begun - max(0, meter.left)


def pay(units: int) -> None:
    """Pay for work that is about to be done. Raises SecurityError when too much has been done already."""
    meter = _METER.get()
    meter.left -= units
    if meter.left < 0:
        raise SecurityError("the text takes too much work: make it simpler")


def work(*values: Any) -> None:
    """Pay for touching `values`."""
    pay(_OPERATION + sum(len(value) for value in values if isinstance(value, str | list | tuple | range)))


def paid(value: Any) -> Any:
    """The value, paid for: what comparisons look at."""
    work(value)
    return value


def joined(*values: Any) -> str:
    """What `~` makes of its operands."""
    return _join(values)


def arithmetic(operator: str, left: Any, right: Any, compute: Callable[[], Any]) -> Any:
    """`left operator right`, paid for and in bounds."""
    work(left, right)
    if operator != "+":
        for operand in (left, right):
            if not isinstance(operand, int | float):
                raise SecurityError(f"{operator} works on numbers, not on {type(operand).__name__}")
    result = compute()
    if isinstance(result, int) and abs(result) > _MAX_INT:
        raise SecurityError("a whole number beyond 64 bits")
    return result


def _first(values: Any) -> Any:
    return values[0] if values else StrictUndefined("there is no first one of nothing")


def _last(values: Any) -> Any:
    return values[-1] if values else StrictUndefined("there is no last one of nothing")


def _integer(value: Any, default: int = 0) -> int:
    """What is no whole number of 64 bits is `default`: guests may write anything."""
    try:
        number = int(value[:_MAX_DIGITS] if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        number = int(_number(value, default))
    return number if abs(number) <= _MAX_INT else default


def _number(value: Any, default: float = 0.0) -> float:
    """What is no finite number is `default`."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return number if math.isfinite(number) else default


def _join(values: Any, separator: str = "") -> str:
    parts = [str(value) for value in values]
    work(*parts)
    _refuse_larger(sum(map(len, parts)) + len(str(separator)) * len(parts))
    return str(separator).join(parts)


def _replace(value: Any, old: str, new: str) -> str:
    text = str(value)
    _refuse_larger(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _round(value: float, digits: int = 0) -> float | int:
    if not 0 <= digits <= 6:
        raise SecurityError("round takes 0 to 6 digits")
    return round(value, digits) if digits else round(value)


def _truncate(value: Any, length: int, end: str = "…") -> str:
    text = str(value)
    return text if len(text) <= length else text[: max(0, length - len(end))] + end


def _refuse_larger(size: int) -> None:
    if size > MAX_VALUE:
        raise SecurityError(f"a value of {size} characters; {MAX_VALUE} are allowed")


def _priced(function: Any, price: int = 1) -> Callable[..., Any]:
    """The filter; `price` is for those that take much longer for a character than copying it does."""

    def filtered(*values: Any) -> Any:
        for _ in range(price):
            work(*values)
        return function(*values)

    return filtered


def filters() -> dict[str, Callable[..., Any]]:
    """Every filter by its name."""
    kept = ("abs", "capitalize", "length", "lower", "string", "trim", "upper")
    made = {name: _priced(FILTERS[name]) for name in kept}
    own = {
        "first": _first,
        "float": _number,
        "int": _integer,
        "last": _last,
        "replace": _replace,
        "round": _round,
        "truncate": _truncate,
    }
    made |= {name: _priced(function) for name, function in own.items()}
    slow = {"join": _join, "max": max, "min": min, "title": FILTERS["title"]}
    made |= {name: _priced(function, price=10) for name, function in slow.items()}
    # Costs nothing, and must see a value that is not there.
    return made | {"default": FILTERS["default"]}
