"""Where the chat's lines come from: a terminal with editing, history and completion, or a pipe.

A pipe's lines are shown behind their prompt, so that what was asked and what was answered can be read together. Bytes
that are no UTF-8 are replaced: a message may hold anything.
"""

import io
import sys
from collections.abc import Callable, Sequence
from typing import Protocol


class Lines(Protocol):
    """Lines that somebody types."""

    def ask(self, prompt: str) -> str | None:
        """The next line, without its end; None when there are no more."""


class TerminalLines:
    """Lines from a terminal. `words` gives what a line may begin with."""

    def __init__(self, words: Callable[[], Sequence[str]]) -> None:
        self._words = words
        try:
            import readline
        except ImportError:
            return  # a Python without it still reads lines
        readline.set_completer_delims(" ")
        readline.set_completer(self._completed)
        readline.parse_and_bind("tab: complete")

    def ask(self, prompt: str) -> str | None:
        """Raises KeyboardInterrupt for Ctrl-C."""
        try:
            return input(prompt)
        except (EOFError, KeyboardInterrupt) as end:
            # The shell's own prompt must not stand behind this one.
            print()
            if isinstance(end, KeyboardInterrupt):
                raise
            return None

    def _completed(self, begun: str, number: int) -> str | None:
        fitting = [word for word in self._words() if begun and word.startswith(begun)]
        return f"{fitting[number]} " if number < len(fitting) else None


class PipedLines:
    """Lines from a pipe or a file."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def ask(self, prompt: str) -> str | None:
        """The next line, which is shown."""
        line = sys.stdin.readline()
        if not line:
            return None
        self._show(f"{prompt}{line}".rstrip())
        return line.rstrip("\r\n")


def lines_of_stdin(words: Callable[[], Sequence[str]], show: Callable[[str], None]) -> Lines:
    """Whichever stdin is."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    return TerminalLines(words) if sys.stdin.isatty() else PipedLines(show)
