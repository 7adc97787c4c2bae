"""The timer that ends an agent's process: the kernel's in a child process, the twin in virtual time."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Protocol

import pytest

from services.node_agent.deadman_timer import InMemoryTimer
from services.node_agent.domain.deadman import Deadman
from shared.clock import VirtualClock

# An agent's doing with its timer: at which second it does what, with which moment.
Doing = tuple[float, str, float]

CHILD = """
import json, sys, time
from services.node_agent.deadman_timer import KernelTimer
now = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
timer = KernelTimer()
began = now()
print("began", flush=True)
for at, what, moment in json.loads(sys.argv[1]):
    time.sleep(max(0.0, began + at - now()))
    timer.set(began + moment) if what == "set" else timer.clear()
time.sleep(max(0.0, began + float(sys.argv[2]) - now()))
"""

# The loop of an agent with an account connected, which something blocks for good.
BLOCKED = """
import asyncio, time
from services.node_agent.deadman_timer import KernelTimer
from services.node_agent.domain.deadman import Deadman
async def main():
    deadman = Deadman(KernelTimer())
    deadman.granted(time.clock_gettime(time.CLOCK_BOOTTIME) + 0.3)
    deadman.connects()
    print("began", flush=True)
    time.sleep(60)
asyncio.run(main())
"""


class Process(Protocol):
    """Something that has a timer."""

    async def ends(self, doings: Sequence[Doing], by_itself: float) -> float | None:
        """After how many seconds it is killed; None if it has ended by itself at that second."""
        ...


class Child:
    """A real process with the kernel's timer."""

    async def ends(self, doings: Sequence[Doing], by_itself: float) -> float | None:
        return run(CHILD, json.dumps(doings), str(by_itself))


class Twin:
    """A process of a test."""

    async def ends(self, doings: Sequence[Doing], by_itself: float) -> float | None:
        clock, ended = VirtualClock(), list[float]()
        timer = InMemoryTimer(clock, lambda: ended.append(clock.monotonic()))
        for at, what, moment in doings:
            await clock.run_for(at - clock.monotonic())
            if what == "set":
                timer.set(moment)
            else:
                timer.clear()
        await clock.run_for(by_itself - clock.monotonic())
        timer.clear()
        return ended[0] if ended else None


def run(program: str, *arguments: str, stop: bool = False) -> float | None:
    """After how many seconds a child is killed; None if it has ended by itself."""
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "began\n"
        began = time.monotonic()
        if stop:
            child.send_signal(signal.SIGSTOP)
        status = child.wait(20)
        seconds = time.monotonic() - began
    assert status in (0, -signal.SIGKILL)
    return seconds if status else None


@pytest.fixture(params=[Child, Twin])
def process(request: pytest.FixtureRequest) -> Process:
    """One of both."""
    made: Process = request.param()
    return made


async def test_it_ends_the_process_at_the_moment(process: Process) -> None:
    """A process that hangs would keep its accounts connected for as long as it hangs."""
    ended = await process.ends([(0.0, "set", 0.3)], by_itself=15.0)
    assert ended is not None and 0.25 <= ended < 5


async def test_it_is_moved_on(process: Process) -> None:
    """Every lease after the first would be cut short."""
    ended = await process.ends([(0.0, "set", 0.2), (0.1, "set", 0.6)], by_itself=15.0)
    assert ended is not None and 0.55 <= ended < 5


async def test_it_is_taken_away(process: Process) -> None:
    """An agent without a lease would be killed although it has disconnected everybody."""
    assert await process.ends([(0.0, "set", 0.3), (0.1, "clear", 0.0)], by_itself=0.6) is None


async def test_a_moment_that_has_passed_is_now(process: Process) -> None:
    """A grant that comes too late would take the timer away instead of setting it."""
    ended = await process.ends([(0.1, "set", 0.0)], by_itself=15.0)
    assert ended is not None and ended < 5


def test_a_blocked_loop_ends_with_its_lease() -> None:
    """The loop's own stop never comes; the session would be live here and on the next node."""
    ended = run(BLOCKED)
    assert ended is not None and ended < 5


def test_a_stopped_process_ends_with_its_lease() -> None:
    """A process under SIGSTOP keeps its sockets, and goes on where it stopped when it is let go."""
    ended = run(BLOCKED, stop=True)
    assert ended is not None and ended < 5


def test_the_first_who_connects_sets_it_and_the_last_who_leaves_takes_it_away() -> None:
    """It would kill an agent that has nobody connected, or spare one that has."""

    class Timer:
        def __init__(self) -> None:
            self.done: list[float | None] = []

        def set(self, at: float) -> None:
            self.done.append(at)

        def clear(self) -> None:
            self.done.append(None)

    timer = Timer()
    deadman = Deadman(timer)
    deadman.granted(10)
    assert timer.done == []
    deadman.connects()
    deadman.connects()
    deadman.granted(20)
    deadman.granted(15)
    assert deadman.armed_until == 20
    deadman.disconnected()
    assert timer.done == [10, 20]
    deadman.disconnected()
    assert timer.done == [10, 20, None]
    deadman.granted(30)
    assert timer.done == [10, 20, None]
