"""One child process that this process owns, with everything that it starts in its turn.

It runs in a session of its own, so that Ctrl-C in the terminal reaches only us; its output goes to a log file. It
dies with us: `setpriv` arms the kernel's parent death signal before it becomes the program, which costs no Python
in the forked child. The kernel ties that signal to the *thread* that forked: start children from a thread that
lives as long as they shall. Where there is no `setpriv` (not Linux) a child outlives a parent that is SIGKILLed.

What holds: after `stop` and `kill` have returned, no process of the child's tree is left. Instances are bound to
no event loop: one may be started in one and stopped in another.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from services.cli.embedded.errors import StartFailed
from services.cli.embedded.waiting import until
from services.cli.kept import private_directory

# A log that has grown beyond this is put aside when its process starts; one older log is kept.
LOG_BYTES = 10 * 1024 * 1024
# How long the kernel may take to end what was sent SIGKILL; longer means that the machine is stuck on a disk.
KILL_SECONDS = 10.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Command:
    """What to run and how to end it; `setpriv` holds further options of that program, such as another uid."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    setpriv: tuple[str, ...] = ()


class OwnedProcess:
    """See the module's docstring. `stop` and `kill` are safe to call in any state, any number of times."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id, also of one that has ended; None before the first start."""
        return self._popen.pid if self._popen else None

    @property
    def running(self) -> bool:
        """Whether the child itself is alive."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Its exit status, or minus the signal that killed it; None while it runs."""
        return self._popen.poll() if self._popen else None

    async def start(self) -> None:
        """Start it and return at once. Raises StartFailed if the program cannot be run at all."""
        if self.running:
            raise StartFailed(f"{self.command.argv[0]} is already running as process {self.pid}")
        self._popen = self._spawn()

    async def wait(self) -> int:
        """Wait for its end: the exit status, or minus the signal that killed it."""
        popen = self._started()
        while (code := popen.poll()) is None:
            await _ended(popen.pid)
        return code

    async def wait_at_most(self, seconds: float) -> int:
        """Wait for its end: the exit status. Past the deadline its tree is killed and TimeoutError raised."""
        try:
            async with asyncio.timeout(seconds):
                return await self.wait()
        finally:
            await self.kill()

    async def stop(self, deadline_seconds: float) -> int:
        """Ask it to end, wait up to the deadline, then kill what is left of the tree. The exit status."""
        popen = self._started()
        tree = self.tree()
        if self.running:
            popen.send_signal(self.command.stop_signal)
            # A frozen process would take no notice before the deadline.
            popen.send_signal(signal.SIGCONT)
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline_seconds):
                    await self.wait()
        # Whoever is left has outlived the one that was to end it.
        await self._kill_all([*tree, *self.tree()])
        return await self.wait()

    async def kill(self) -> None:
        """SIGKILL to the whole tree at once, as a power cut would end it."""
        if self._popen is not None:
            await self._kill_all(self.tree())

    def freeze(self) -> None:
        """SIGSTOP to the whole tree: connections stay open and nobody answers."""
        for process in self.tree():
            _send(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen tree go on."""
        for process in self.tree():
            _send(process, signal.SIGCONT)

    def tree(self) -> list[psutil.Process]:
        """The living processes of the child: itself, its descendants, and whoever is still in its session.

        PostgreSQL's backends and Erlang's helpers make sessions of their own, so a process group is not enough.
        """
        if self._popen is None:
            return []
        leader = self._popen.pid
        found = {process.pid: process for process in _descendants(leader)} if self.running else {}
        for process in psutil.process_iter():
            if _session(process.pid) == leader:
                found.setdefault(process.pid, process)
        return [process for process in found.values() if _alive(process)]

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        try:
            text = self.command.log.read_text("utf-8", errors="replace")[-8192:]
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _started(self) -> subprocess.Popen[bytes]:
        if self._popen is None:
            raise RuntimeError(f"{self.command.argv[0]} has not been started")
        return self._popen

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = self.command
        private_directory(command.log.parent)
        _put_aside(command.log)
        with command.log.open("ab") as log:
            try:
                return subprocess.Popen(  # noqa: S603 (our own command line, no shell)
                    [*_wrapper(command), *command.argv],
                    env=dict(command.env),
                    cwd=command.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise StartFailed(f"cannot run {command.argv[0]}: {error.strerror}") from error

    async def _kill_all(self, tree: list[psutil.Process]) -> None:
        for process in tree:
            _send(process, signal.SIGKILL)
        if not await until(lambda: _all_gone(tree), KILL_SECONDS):
            left = ", ".join(str(process.pid) for process in tree if _alive(process))
            raise RuntimeError(f"processes {left} do not end although they were sent SIGKILL; is a disk stuck?")
        if self._popen is not None:
            await self.wait()


def ending(status: int) -> str:
    """An exit status in words."""
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


def _wrapper(command: Command) -> list[str]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if command.setpriv:
            raise StartFailed("setpriv (package util-linux) is missing; install it or run as an ordinary user")
        return []
    # --pdeathsig comes last: a change of uid would disarm it.
    return [setpriv, *command.setpriv, "--pdeathsig", command.death_signal.name.removeprefix("SIG"), "--"]


def _put_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(log.suffix + ".1"))


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _all_gone(tree: list[psutil.Process]) -> bool:
    return not any(_alive(process) for process in tree)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


async def _ended(pid: int) -> None:
    """Return when our child has ended (or a little later, where the kernel has no pidfd)."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        await asyncio.sleep(_POLL_SECONDS)
        return
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
