"""What a refused script says to its author: where, what, and what to do next.

`Finding` is a complaint that knows only its path in the document (checks and models make these);
`ScriptProblem` is the same complaint with its line and column, counted from 1. `ScriptProblems` is the
outcome of `parse_script` for a script that will not be loaded. Nothing here raises.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

# The chain of keys and indexes from the root: ("scenes", "hello", "steps", 0).
Path = tuple[str | int, ...]

# A document can be wrong in every line; nobody reads past the first screenfuls.
MAX_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """A complaint about the node at `path`; `at_key` points at the node's key instead of its value."""

    path: Path
    message: str
    hint: str = ""
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class ScriptProblem:
    """One thing that must change: `line` and `column` from 1, `path` as `scenes.hello.steps[0]`."""

    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.line}:{self.column}: " + (f"{self.path}: " if self.path else "")
        return where + self.message + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True, slots=True)
class ScriptProblems:
    """A refused script: never empty, in the order of the document, at most `MAX_PROBLEMS`."""

    source: str
    problems: tuple[ScriptProblem, ...]

    def __str__(self) -> str:
        return "\n".join(f"{self.source}:{problem}" for problem in self.problems)


def spelled(path: Path) -> str:
    """The path as people write it: `scenes.hello.steps[0].reply`; empty for the root."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def shortened(value: object, limit: int = 60) -> str:
    """`value` quoted for a message, cut so that a hostile name cannot flood the terminal."""
    text = str(value)
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def nearest(name: str, valid: Iterable[str]) -> str:
    """A hint: the valid name that `name` was probably meant to be, or else the names there are."""
    names = sorted(set(valid))
    close = difflib.get_close_matches(name[:100], names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return ""
    listed = ", ".join(repr(each) for each in names[:12])
    return f"there is {listed}" + (" and more" if len(names) > 12 else "")
