"""One broker and one database for all sides of a run, each started when a side needs it first.

A server lives in a process of its own (`python -m tests.support.shared_servers KIND FOLDER`), because the side that
started it may be done long before the others. It ends when nobody uses the folder any more. Who does holds a lock
there, and the kernel takes that from a side that was killed.
"""

import contextlib
import fcntl
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from tests.support import servers


class SharedServers:
    """The servers of a run, as one of its processes sees them; `folder` is the same for all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._using = _locked(folder / "users", fcntl.LOCK_SH)
        self._started: list[subprocess.Popen[bytes]] = []

    def broker(self) -> servers.Broker:
        """The RabbitMQ."""
        return servers.Broker(**self._find("broker"))

    def postgres(self) -> servers.Postgres:
        """The PostgreSQL, with a migrated template."""
        return servers.Postgres(**self._find("postgres"))

    def release(self) -> None:
        """This process needs none of them any more."""
        self._using.close()

    def end(self) -> None:
        """Wait until all servers have ended, which they do when every process has released them."""
        for alive in self.folder.glob("*.alive"):
            _locked(alive, fcntl.LOCK_SH).close()
        for process in self._started:
            process.wait()
        shutil.rmtree(self.folder)

    def _find(self, kind: str) -> dict[str, str]:
        said = self.folder / f"{kind}.json"
        with _locked(self.folder / f"{kind}.starting", fcntl.LOCK_EX):
            if not said.exists():
                self._start(kind, said)
        found: dict[str, str] = json.loads(said.read_text("utf-8"))
        return found

    def _start(self, kind: str, said: Path) -> None:
        log = self.folder / f"{kind}.log"
        with log.open("wb") as output:
            # In a session of its own: Ctrl-C ends the tests, and that ends the server.
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.shared_servers", kind, str(self.folder)],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        while not said.exists():
            if process.poll() is not None:
                raise RuntimeError(f"the {kind} of the tests has not started:\n{log.read_text('utf-8', 'replace')}")
            time.sleep(0.05)


def _locked(path: Path, how: int) -> IO[str]:
    """The open file with the lock on it, waited for; closing it gives the lock back."""
    file = path.open("w", encoding="utf-8")
    fcntl.flock(file, how)
    return file


@contextmanager
def _postgres_with_template() -> Iterator[servers.Postgres]:
    from tests.support import databases

    with servers.postgres() as server:
        databases.make_template(server)
        yield server


KINDS: dict[str, Callable[[], AbstractContextManager[servers.Broker | servers.Postgres]]] = {
    "broker": servers.broker,
    "postgres": _postgres_with_template,
}


def main() -> None:
    """Run one server until nobody uses it."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with _locked(folder / f"{kind}.alive", fcntl.LOCK_EX), KINDS[kind]() as server:
        unfinished = folder / f"{kind}.unfinished"
        unfinished.write_text(json.dumps(asdict(server)), "utf-8")
        unfinished.replace(folder / f"{kind}.json")
        with contextlib.closing(_locked(folder / "users", fcntl.LOCK_EX)):
            pass


if __name__ == "__main__":
    main()
