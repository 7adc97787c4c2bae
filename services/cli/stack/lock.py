"""One stack for each home: a lock on a file, held for as long as the process lives.

The kernel gives it back however the process ends, so a stale lock cannot be. The file names the holder.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from services.cli.failures import CommandFailed, ExitCode
from services.cli.kept import private_directory


@contextmanager
def only_stack_of(lock: Path) -> Iterator[None]:
    """Hold the lock. Raises CommandFailed when somebody else does, or when its directory cannot be used."""
    with _opened(lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            sentence = (
                f"Callboard is already up in {lock.parent} (process {holder}): "
                "stop it with Ctrl-C there, or set CALLBOARD_HOME to another directory"
            )
            raise CommandFailed(ExitCode.FAILED, sentence) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _opened(lock: Path) -> TextIO:
    home = lock.parent
    try:
        private_directory(home)
        return lock.open("a+", encoding="ascii")
    except OSError as error:
        reason = "it is a file" if error.errno == errno.EEXIST else str(error.strerror).lower()
        advice = "name a directory that you may write to, with --home or CALLBOARD_HOME"
        sentence = f"{home} cannot be Callboard's home: {reason}; {advice}"
        raise CommandFailed(ExitCode.USAGE, sentence) from error
