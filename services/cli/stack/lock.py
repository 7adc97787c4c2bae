"""One stack for each home: a lock on a file, held for as long as the process lives.

The kernel gives it back however the process ends, so a stale lock cannot be. The file names the holder.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.cli.embedded.kept import private_directory


class AlreadyUp(Exception):
    """Another `callboard up` holds this home."""


@contextmanager
def only_stack_of(lock: Path) -> Iterator[None]:
    """Hold the lock, or raise AlreadyUp with what to do."""
    private_directory(lock.parent)
    with lock.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise AlreadyUp(
                f"Callboard is already up in {lock.parent} (process {holder}): "
                "stop it with Ctrl-C there, or set CALLBOARD_HOME to another directory"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
