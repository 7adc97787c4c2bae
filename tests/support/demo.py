"""`callboard up` as a child process, in a home of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.support.stack import Stack

# The first start makes a database cluster and a broker's disk on two cores.
START_SECONDS = 170
# What it prints once everything is ready.
UP = "Stop      Ctrl-C"


class Demo:
    """Starts, interrupts and watches one `callboard up`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home.parent / f"{home.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._starts_before = 0

    @property
    def pid(self) -> int:
        """The process id of `callboard up`."""
        assert self._process is not None
        return self._process.pid

    @property
    def connection(self) -> Path:
        """The file that says where the stack is."""
        return self.home / "connection.json"

    def start(self) -> float:
        """Start and wait until the stack says that it is up; the seconds that it took."""
        started = time.monotonic()
        self._starts_before = self.output().count(UP) if self.log.exists() else 0
        self._process = self.spawn()
        while not self._is_up():
            assert self._process.poll() is None, f"`callboard up` ended by itself:\n{self.output()}"
            assert time.monotonic() < started + START_SECONDS, f"not up in time:\n{self.output()}"
            time.sleep(0.1)
        return time.monotonic() - started

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Another `callboard up` on the same home."""
        environment = {**os.environ, "CALLBOARD_HOME": str(self.home)}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "services.cli", "up"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Interrupt it as Ctrl-C does and wait for its end; the seconds that it took."""
        if self._process is None or self._process.poll() is not None:
            return 0.0
        started = time.monotonic()
        self._process.send_signal(number)
        self._process.wait(30)
        return time.monotonic() - started

    def children(self) -> list[psutil.Process]:
        """Every living process of the stack."""
        return psutil.Process(self.pid).children(recursive=True)

    def output(self) -> str:
        """What it has printed."""
        return self.log.read_text("utf-8", "replace")

    def stack(self) -> Stack:
        """The running stack."""
        found = json.loads(self.connection.read_text())
        return Stack(
            url=found["url"],
            token=found["token"],
            sandbox_url=found["sandbox"]["url"],
            management_url=found["management"]["url"].replace(
                "://", f"://{found['management']['username']}:{found['management']['password']}@"
            ),
        )

    def _is_up(self) -> bool:
        return self.connection.exists() and self.output().count(UP) > self._starts_before
