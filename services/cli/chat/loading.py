"""The file that is tried: read, checked as it would be for a push, and watched for changes."""

from pathlib import Path

from services.cli.checking import Verdict, check_file, content_of
from shared.scripts import ScriptProblem


class ScriptFile:
    """A file that may be broken, and may change or vanish at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = b""

    @property
    def name(self) -> str:
        """As it was given."""
        return str(self._path)

    def read(self) -> Verdict:
        """The verdict on it as it is now; one that cannot be read is a broken one."""
        try:
            verdict = check_file(self._path)
        except OSError as error:
            why = ScriptProblem(1, 1, "", f"cannot be read: {error.strerror}")
            verdict = Verdict(self.name, b"", None, (why,), ())
        self._known = verdict.content
        return verdict

    def has_changed(self) -> bool:
        """Whether it is another one than was read or told of last; each change is told once."""
        try:
            content = content_of(self._path)
        except OSError:
            return False  # an editor may be about to put the new one in its place
        changed, self._known = content != self._known, content
        return changed
