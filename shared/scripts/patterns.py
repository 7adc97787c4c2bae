"""Regular expressions of `pattern` triggers: compiled once, and refused when they could run away.

Python's matcher backtracks and cannot be interrupted, so the bound is set before it starts: a repeat
inside a repeat and alternatives inside a repeat (the exponential shapes) are refused, the ways left to
match are counted, and only the first `MAX_SUBJECT` characters of a message are looked at. Used by the
models (to refuse) and by `matching` (to match): both see the same outcome. Nothing raises.
"""

import importlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_PATTERN = 200
MAX_SUBJECT = 128
MAX_COUNT = 1000
# The product of the choices at every repeat and alternative: three open repeats (`.*`) and eight words to
# choose from. Written to be bad, such a pattern costs about a second on the worst text; written to be
# useful, microseconds. A matcher with a time limit is the better bound and should take this one's place.
MAX_WAYS = 2**24

# The parser of the standard library has no public name since `sre_parse` was deprecated in 3.11.
_parser: Any = importlib.import_module("re._parser")
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that may be used: case does not matter, as in every message trigger."""

    expression: re.Pattern[str]

    @property
    def groups(self) -> frozenset[str]:
        """The names under which a text can ask for groups: `0`, `1`, … and the named ones."""
        numbers = range(self.expression.groups + 1)
        return frozenset(map(str, numbers)) | frozenset(self.expression.groupindex)

    def search(self, text: str) -> dict[str, str] | None:
        """The groups of the first match, missing ones as empty text; None when it does not match."""
        found = self.expression.search(text[:MAX_SUBJECT])
        if found is None:
            return None
        numbered = {str(index): found.group(index) or "" for index in range(self.expression.groups + 1)}
        return numbered | {name: value or "" for name, value in found.groupdict().items()}


@dataclass(frozen=True, slots=True)
class PatternRefused:
    """Why a pattern is not accepted."""

    message: str


@lru_cache(maxsize=1024)
def compile_pattern(source: str) -> Pattern | PatternRefused:
    """The same outcome for the same source, wherever it is asked: check, rehearsal or node."""
    if len(source) > MAX_PATTERN:
        return PatternRefused(f"a pattern may have {MAX_PATTERN} characters, this one has {len(source)}")
    try:
        with warnings.catch_warnings():
            # Python warns of patterns whose meaning will change; a script must mean the same everywhere.
            warnings.simplefilter("error")
            tree = _parser.parse(source, re.IGNORECASE)
        runaway = _runaway(tree)
        if runaway:
            return PatternRefused(runaway)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Pattern(re.compile(source, re.IGNORECASE))
    except (re.error, OverflowError, ValueError, Warning) as error:
        return PatternRefused(f"the pattern does not compile: {error}")


@dataclass(frozen=True, slots=True)
class _Piece:
    name: str
    least: int
    most: int
    inside_repeat: bool


def _runaway(tree: Any) -> str:
    """What makes the pattern dangerous, in words; empty when nothing does."""
    ways = 1
    for piece in _pieces(tree, inside_repeat=False):
        if piece.name in _REPEATS:
            if piece.inside_repeat and piece.least != piece.most:
                return "a repeat inside a repeat can run for ever: write it without the outer or inner one"
            if piece.least > MAX_COUNT or MAX_COUNT < piece.most < int(_parser.MAXREPEAT):
                return f"a count may be {MAX_COUNT} at most"
            ways *= min(piece.most - piece.least + 1, MAX_SUBJECT)
        elif piece.name == "BRANCH":
            if piece.inside_repeat:
                return "alternatives inside a repeat can run for ever: use a character class, such as [ab]+"
            ways *= piece.most
        elif piece.name in ("GROUPREF", "GROUPREF_IGNORE", "GROUPREF_EXISTS"):
            return "references to earlier groups are not accepted"
        if ways > MAX_WAYS:
            return "there are too many ways to match: use fewer of .* ? and |"
    return ""


def _pieces(tree: Any, *, inside_repeat: bool) -> Iterator[_Piece]:
    for operation, argument in tree:
        name = str(operation)
        repeats = name in _REPEATS
        least, most = (int(argument[0]), int(argument[1])) if repeats else (1, 1)
        choices = len(argument[1]) if name == "BRANCH" else most
        yield _Piece(name, least, choices, inside_repeat)
        for child in _children(argument):
            yield from _pieces(child, inside_repeat=inside_repeat or (repeats and most > 1))


def _children(argument: Any) -> Iterator[Any]:
    """The parsed sub-patterns in an operation's argument, whatever its shape."""
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, list | tuple):
        for each in argument:
            yield from _children(each)
