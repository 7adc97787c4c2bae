"""One agent for a state folder, and one for a session folder: a second one would run the same logins again.

The lock is the kernel's (`flock`), so it ends with the process, however that ends.
"""

import fcntl
import os
from pathlib import Path

_NAME = ".callboard-agent.lock"


class FolderTaken(Exception):
    """Another agent runs on this folder."""


class FolderLock:
    """Held from `take` until `release` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number: int | None = None

    def take(self) -> None:
        """Make the folder if it is missing and lock it. Raises FolderTaken, or OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(self._folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(number)
            raise FolderTaken(f"another agent runs on {self._folder}: stop it, or give this one its own") from None
        self._number = number

    def release(self) -> None:
        """Let the next one in."""
        if self._number is not None:
            os.close(self._number)
            self._number = None
