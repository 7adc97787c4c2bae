"""Files on their way up and down: a bar on a terminal, and a file in its place only when all of it is there."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from services.cli.failures import CommandFailed, ExitCode
from services.cli.output import redraws

PIECE = 256 * 1024


class Bar:
    """How far a transfer is; in a pipe nothing is shown."""

    def __init__(self, progress: Progress | None, task: TaskID | None) -> None:
        self._progress = progress
        self._task = task

    def moved(self, size: int, about: str | None = None) -> None:
        """So many bytes more."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=size, description=about)

    def pieces(self, content: bytes, about: str) -> Iterator[bytes]:
        """The content piece by piece, each counted when the next one is asked for."""
        self.moved(0, about)
        for place in range(0, len(content), PIECE):
            piece = content[place : place + PIECE]
            yield piece
            self.moved(len(piece))


@contextmanager
def bar(console: Console, about: str, total: int | None) -> Iterator[Bar]:
    """A bar for `total` bytes; None for an unknown number."""
    if not redraws(console):
        yield Bar(None, None)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress, progress.add_task(about, total=total))


def written(path: Path, pieces: Iterable[bytes], moved: Bar) -> int:
    """Write a secret file, for its owner alone, and put it in its place when it is whole; its size.

    Raises CommandFailed when there is one.
    """
    if path.exists():
        raise CommandFailed(ExitCode.REFUSED, f"{path} exists: choose another name, or remove it")
    unfinished = path.with_name(path.name + ".part")
    size = 0
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for piece in pieces:
                file.write(piece)
                moved.moved(len(piece))
                size += len(piece)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return size
