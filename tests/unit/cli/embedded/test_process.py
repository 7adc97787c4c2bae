"""One owned child process, with real ones."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from services.cli.embedded.errors import StartFailed
from services.cli.embedded.process import Command, OwnedProcess
from services.cli.embedded.waiting import until

FAMILY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print("ready", flush=True)
time.sleep(60)
"""

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


def python(code: str, log: Path) -> OwnedProcess:
    """A Python child that runs this code."""
    env = {"PATH": os.environ["PATH"]}
    return OwnedProcess(Command((sys.executable, "-c", textwrap.dedent(code)), env, log))


async def ready(process: OwnedProcess) -> None:
    """Wait for the line that the children above print."""

    async def said() -> bool:
        return "ready" in process.log_tail()

    assert await until(said, 10)


async def test_stop_ends_the_whole_family(tmp_path: Path) -> None:
    """If this broke, a grandchild in a session of its own would stay behind."""
    process = python(FAMILY, tmp_path / "log")
    await process.start()
    await ready(process)
    family = process.tree()
    assert len(family) == 2
    assert await process.stop(5) == -signal.SIGTERM
    assert not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in family)


async def test_a_child_that_ignores_sigterm_is_killed_at_the_deadline(tmp_path: Path) -> None:
    """If this broke, one stubborn child would hold up the end of the stack for ever."""
    process = python(STUBBORN, tmp_path / "log")
    await process.start()
    await ready(process)
    began = time.monotonic()
    assert await process.stop(0.3) == -signal.SIGKILL
    assert time.monotonic() - began < 3


async def test_a_frozen_child_can_be_stopped(tmp_path: Path) -> None:
    """If this broke, a fault test that froze a server could not end."""
    process = python(FAMILY, tmp_path / "log")
    await process.start()
    await ready(process)
    process.freeze()

    async def frozen() -> bool:
        return all(member.status() == psutil.STATUS_STOPPED for member in process.tree())

    assert await until(frozen, 5)
    await process.stop(5)
    assert process.tree() == []


async def test_a_child_can_be_waited_for_in_another_event_loop(tmp_path: Path) -> None:
    """If this broke, a server of a whole test session could not be used in single tests."""
    process = python("import time; time.sleep(0.1); raise SystemExit(7)", tmp_path / "log")
    await asyncio.to_thread(lambda: asyncio.run(process.start()))
    # The thread that forked has ended or will: the parent death signal may come first.
    assert await process.wait() in (7, -signal.SIGKILL)


async def test_a_missing_program_is_told_in_one_sentence(tmp_path: Path) -> None:
    """If this broke, the operator would see a traceback for a program that is not installed."""
    process = OwnedProcess(Command(("callboard-no-such-program",), {"PATH": "/usr/bin"}, tmp_path / "log"))
    try:
        await process.start()
    except StartFailed as failed:
        assert "cannot run callboard-no-such-program" in str(failed)
    else:
        assert await process.wait() == 127
        assert "callboard-no-such-program" in process.log_tail()


async def test_a_second_start_of_a_running_child_is_refused(tmp_path: Path) -> None:
    """If this broke, the first child would be forgotten and never stopped."""
    process = python(FAMILY, tmp_path / "log")
    await process.start()
    with pytest.raises(StartFailed, match="already running"):
        await process.start()
    await process.kill()


async def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """If this broke, SIGKILL of `callboard up` would leave its servers running."""
    parent_code = f"""
        import asyncio, sys
        from pathlib import Path
        from services.cli.embedded.process import Command, OwnedProcess
        async def main():
            sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
            child = OwnedProcess(Command(sleeper, {{}}, Path({str(tmp_path / "log")!r})))
            await child.start()
            print(child.pid, flush=True)
            await child.wait()
        asyncio.run(main())
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(parent_code)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))

    async def asleep() -> bool:
        # Before it has become Python, setpriv may not have armed the signal yet.
        return "sleep" in " ".join(child.cmdline()) and "setpriv" not in child.name()

    assert await until(asleep, 5)
    parent.kill()
    parent.communicate()

    async def gone() -> bool:
        return not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

    assert await until(gone, 5)
