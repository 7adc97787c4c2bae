"""Regular expressions of `pattern` matches: compiled once, matched in time that is linear in the message.

RE2 does the matching: it has no backtracking, so no pattern can run away, whatever it looks like. What is
left to bound is the size: a pattern's compiled program here, the sum over a script in `checks`, and only
the first `MAX_SUBJECT` characters of a message are looked at. Used by the models (to refuse) and by
`matching` (to match): both see the same outcome. Nothing raises for text without lone surrogates, which
the engine removes.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

MAX_PATTERN = 200
MAX_SUBJECT = 1024
# Instructions of the compiled pattern; useful ones have under a hundred. The worst text costs about 10 ns for
# each instruction and character: 20 ms for the largest pattern, 0.2 s for all of a script's together.
MAX_SIZE = 2000
MAX_SIZE_OF_ALL = 20_000
# What RE2 may use for one pattern's program and caches. With less than it wants it is slower, still linear.
_MAX_MEMORY = 256 * 1024


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that may be used: case does not matter, as in every comparison of messages."""

    expression: Any

    @property
    def size(self) -> int:
        """How much work it is, in instructions for each character."""
        return int(self.expression.programsize)

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
        return numbered | {name: numbered[str(index)] for name, index in self.expression.groupindex.items()}


@dataclass(frozen=True, slots=True)
class PatternRefused:
    """Why a pattern is not accepted."""

    message: str


@lru_cache(maxsize=512)
def compile_pattern(source: str) -> Pattern | PatternRefused:
    """The same outcome for the same source, wherever it is asked: check, rehearsal or node."""
    if len(source) > MAX_PATTERN:
        return PatternRefused(f"a pattern may have {MAX_PATTERN} characters, this one has {len(source)}")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        pattern = Pattern(re2.compile(source, options))
    except re2.error as error:
        words = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else error
        return PatternRefused(f"the pattern does not compile: {words}{_advice(source)}")
    if pattern.size > MAX_SIZE:
        return PatternRefused(f"the pattern is too large: {pattern.size} parts, {MAX_SIZE} at most; use smaller counts")
    return pattern


def _advice(source: str) -> str:
    """What people write who know other dialects."""
    if "(?=" in source or "(?!" in source or "(?<=" in source or "(?<!" in source:
        return " (looking ahead or behind is not available)"
    if "\\Z" in source:
        return " (the end of the text is \\z)"
    return ""
