"""A script file judged on this machine, as the deployer and the nodes will judge it: its form, then its own tests.

Needs no connection. The outcome is a `Verdict`; a file that cannot be read or is too large is a problem of its first
line, so that an editor which reads `file:line:column: message` can take all of them alike.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.contracts.deliveries import LARGEST_ARTIFACT
from shared.scripts import Script, ScriptProblem, ScriptProblems, TestOutcome, parse_script, run_tests, script_hash
from shared.scripts.places import place_of_test


@dataclass(frozen=True)
class Verdict:
    """What is to be said about one file. `script` is there when its form is right, even if its tests fail."""

    file: str
    content: bytes
    script: Script | None
    problems: tuple[ScriptProblem, ...]
    tests: tuple[TestOutcome, ...]

    @property
    def good(self) -> bool:
        """Whether the script may be pushed."""
        return not self.problems and all(test.passed for test in self.tests)

    def lines(self) -> list[str]:
        """What is wrong, one line each, as `file:line:column: …`."""
        told = [f"{self.file}:{problem}" for problem in self.problems]
        failed = [number for number, test in enumerate(self.tests) if not test.passed]
        for number in failed:
            test = self.tests[number]
            told.append(f"{self.place(number)}: test {test.name!r} failed: {test.difference}")
        return told

    def place(self, number: int) -> str:
        """Where the test of this index failed, as `file:line:column`."""
        line, column = self._position(number)
        return f"{self.file}:{line}:{column}"

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        names = ("line", "column", "path", "message", "hint")
        return {
            "file": self.file,
            "good": self.good,
            "script_id": self.script.id if self.script else None,
            "hash": script_hash(self.content.decode()) if self.script else None,
            "problems": [{name: getattr(problem, name) for name in names} for problem in self.problems],
            "tests": [self._test_as_json(number) for number in range(len(self.tests))],
        }

    def _test_as_json(self, number: int) -> dict[str, Any]:
        test = self.tests[number]
        line, column = self._position(number) if not test.passed else (None, None)
        return {
            "name": test.name,
            "passed": test.passed,
            "line": line,
            "column": column,
            "difference": test.difference,
            "transcript": list(test.transcript),
        }

    def _position(self, number: int) -> tuple[int, int]:
        return place_of_test(self.content.decode(), number, self.tests[number])[0]


def check_file(path: Path) -> Verdict:
    """The verdict on one file. Raises OSError when it cannot be read at all."""
    content = content_of(path)
    if len(content) > LARGEST_ARTIFACT:
        return _refused(path, content, f"is over the limit of {LARGEST_ARTIFACT} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        return _refused(path, content, f"is not UTF-8 text (byte {error.start})")
    parsed = parse_script(text, str(path))
    if isinstance(parsed, ScriptProblems):
        return Verdict(str(path), content, None, parsed.problems, ())
    return Verdict(str(path), content, parsed, (), tuple(run_tests(parsed)))


def content_of(path: Path) -> bytes:
    """What is in the file; of one that is too large so much that it shows. Raises OSError."""
    with path.open("rb") as file:
        return file.read(LARGEST_ARTIFACT + 1)


def _refused(path: Path, content: bytes, message: str) -> Verdict:
    return Verdict(str(path), content, None, (ScriptProblem(1, 1, "", message),), ())
