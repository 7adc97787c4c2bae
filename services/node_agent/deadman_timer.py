"""The kernel's timer that ends this process: `domain.deadman.Timer` on Linux, through ctypes.

`timer_create(CLOCK_BOOTTIME)` with `SIGEV_SIGNAL` and SIGKILL: the kernel sends it at an absolute moment of the very
clock that the lease is counted by, which goes on while the machine is suspended. A process that hangs in C, or that was
stopped with SIGSTOP, dies of it all the same; a machine that was suspended as a whole dies of it when it wakes, before
anything of the process runs. Children do not inherit the timer. `InMemoryTimer` is the twin, for a process
that is a part of a test.

The structures are those of the kernel's 64-bit ABI, which glibc and musl pass on as they are; glibc before 2.34 has the
calls in librt. Raises OSError where there is no such timer: an agent without it does not run accounts.
"""

import asyncio
import ctypes
import math
import os
import signal
import time
from collections.abc import Callable

from shared.clock import Clock

SIGEV_SIGNAL = 0
TIMER_ABSTIME = 1
_SIGEVENT_BYTES = 64
_NANOSECONDS = 1_000_000_000


class _SigEvent(ctypes.Structure):
    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * (_SIGEVENT_BYTES - ctypes.sizeof(ctypes.c_void_p) - 2 * ctypes.sizeof(ctypes.c_int))),
    )


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class KernelTimer:
    """One timer of this process. Raises OSError when the kernel has none for it."""

    def __init__(self) -> None:
        if ctypes.sizeof(ctypes.c_void_p) != 8:
            raise OSError("the timer that ends a hanging agent needs a 64-bit system")
        self._calls = _library()
        self._timer = ctypes.c_void_p()
        event = _SigEvent(signo=signal.SIGKILL, notify=SIGEV_SIGNAL)
        self._call("timer_create", time.CLOCK_BOOTTIME, ctypes.byref(event), ctypes.byref(self._timer))

    def set(self, at: float) -> None:
        """Kill this process when CLOCK_BOOTTIME reaches `at`, at once if it has."""
        # A moment of zero would be none at all.
        nanoseconds = max(1, math.floor(at * _NANOSECONDS))
        self._settime(_TimeSpec(*divmod(nanoseconds, _NANOSECONDS)))

    def clear(self) -> None:
        """Kill it at no moment."""
        self._settime(_TimeSpec(0, 0))

    def close(self) -> None:
        """Give the timer back to the kernel."""
        self._call("timer_delete", self._timer)

    def _settime(self, value: _TimeSpec) -> None:
        spec = _TimerSpec(_TimeSpec(0, 0), value)
        self._call("timer_settime", self._timer, TIMER_ABSTIME, ctypes.byref(spec), None)

    def _call(self, name: str, *arguments: object) -> None:
        if getattr(self._calls, name)(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name} failed, and without it a hanging agent does not end: {os.strerror(number)}")


class InMemoryTimer:
    """The twin: calls `end` when the clock reaches the moment."""

    def __init__(self, clock: Clock, end: Callable[[], None]) -> None:
        self._clock = clock
        self._end = end
        self._waiting: asyncio.Task[None] | None = None
        self.at: float | None = None

    def set(self, at: float) -> None:
        """End when the clock reaches `at`, at once if it has."""
        self.clear()
        self.at = at
        self._waiting = asyncio.create_task(self._wait(at), name="deadman")

    def clear(self) -> None:
        """End at no moment."""
        waiting, self._waiting, self.at = self._waiting, None, None
        if waiting is not None and waiting is not asyncio.current_task():
            waiting.cancel()

    async def _wait(self, at: float) -> None:
        await self._clock.sleep(max(0.0, at - self._clock.monotonic()))
        self._end()


def _library() -> ctypes.CDLL:
    for name in (None, "librt.so.1"):
        library = ctypes.CDLL(name, use_errno=True)
        if hasattr(library, "timer_create"):
            return library
    raise OSError("this system's C library has no timer_create")
