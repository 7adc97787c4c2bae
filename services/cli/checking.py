"""A script file judged on this machine, as the deployer and the nodes will judge it: its form, then its own tests.

Needs no connection. The outcome is a `Verdict`; a file that cannot be read or is too large is a problem of its first
line, so that an editor which reads `file:line:column: message` can take all of them alike.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.contracts.deliveries import LARGEST_ARTIFACT
from shared.scripts import Script, ScriptProblem, ScriptProblems, TestOutcome, parse_script, run_tests, script_hash


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
        return told + [f"{self.file}: test {one.name!r}: {one.difference}" for one in self.tests if not one.passed]

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        names = ("line", "column", "path", "message", "hint")
        return {
            "file": self.file,
            "good": self.good,
            "script_id": self.script.id if self.script else None,
            "hash": script_hash(self.content.decode()) if self.script else None,
            "problems": [{name: getattr(problem, name) for name in names} for problem in self.problems],
            "tests": [{"name": one.name, "passed": one.passed, "difference": one.difference} for one in self.tests],
        }


def check_file(path: Path) -> Verdict:
    """The verdict on one file. Raises OSError when it cannot be read at all."""
    content = path.read_bytes()
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


def _refused(path: Path, content: bytes, message: str) -> Verdict:
    return Verdict(str(path), content, None, (ScriptProblem(1, 1, "", message),), ())
