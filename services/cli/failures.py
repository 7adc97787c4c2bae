"""How a command ends: the exit codes that scripts may rely on, and the one exception that carries them.

`CommandFailed` is raised anywhere below a command and shown by `services/cli/command.py`: one sentence to stderr,
its details below it, and the exit code. Nothing else ends a command early.
"""

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `callboard`. They do not change."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    REFUSED = 5
    INTERRUPTED = 130


EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 what was asked for did not succeed, 2 wrong usage, "
    "3 cannot reach Callboard or sign in, 4 no such thing, 5 refused, 130 interrupted."
)


class CommandFailed(Exception):
    """A command's end other than success.

    `passing`: asking again in a moment may go better. `kind` is of the problem that a service answered, if it did.
    """

    def __init__(
        self, code: ExitCode, sentence: str, details: Sequence[str] = (), *, passing: bool = False, kind: str = ""
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.details = tuple(details)
        self.passing = passing
        self.kind = kind

    @property
    def gist(self) -> str:
        """The sentence without its advice, for where the advice is being followed already."""
        return self.sentence.partition(": ")[0]
