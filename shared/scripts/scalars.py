"""The YAML 1.2 core schema: which plain words are null, booleans and numbers; and what a variable holds.

Called by `source` for each scalar, and wherever a variable gets a value. Everything else is text: no
dates, no octal by accident, no `yes`. Numbers that would not survive JSON or PostgreSQL (infinite, not a
number, beyond 64 bits) are refused.
"""

import math
import re
from dataclasses import dataclass

Scalar = str | bool | int | float | None
VariableValue = str | bool | int | float

MAX_VARIABLE_TEXT = 1000

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {word: word[0] in "tT" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INT = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# The longest spelling of a 64-bit number in any of the bases, with some room for leading zeros.
_MAX_DIGITS = 40
_MAX_INT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ScalarRefused:
    """Why a scalar is not accepted, and what to write instead."""

    message: str
    hint: str = ""


def plain_scalar(text: str, *, quoted: bool) -> Scalar | ScalarRefused:
    """The value of a scalar; a quoted one is always text."""
    if quoted:
        return _text(text)
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _NOT_FINITE.fullmatch(text):
        return ScalarRefused("numbers must be finite", "put it in quotes if it is text")
    if _INT.fullmatch(text) or _OTHER_BASE.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    return _text(text)


def unfit_for_variable(value: object) -> str:
    """Why a variable cannot hold `value`, in words; empty when it can."""
    if isinstance(value, str):
        return "" if len(value) <= MAX_VARIABLE_TEXT else f"a variable holds {MAX_VARIABLE_TEXT} characters at most"
    if isinstance(value, int):
        return "" if abs(value) <= _MAX_INT else "a variable holds whole numbers of 64 bits at most"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "a variable holds finite numbers"
    return f"a variable holds text, a number, true or false, not {type(value).__name__}"


def _text(text: str) -> str | ScalarRefused:
    if any("\ud800" <= character <= "\udfff" for character in text):
        return ScalarRefused("a surrogate escape is not a character", "write the character itself, or \\U0001F600")
    if "\0" in text:
        return ScalarRefused("a text has the character NUL (\\0), which cannot be kept or said", "remove it")
    return text


def _integer(text: str) -> int | ScalarRefused:
    if len(text) <= _MAX_DIGITS:
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        number = int(text, base)
        if abs(number) <= _MAX_INT:
            return number
    return ScalarRefused("a whole number beyond 64 bits", "put it in quotes if it is text")


def _float(text: str) -> float | ScalarRefused:
    number = float(text)
    if math.isfinite(number):
        return number
    return ScalarRefused("numbers must be finite", "put it in quotes if it is text")
