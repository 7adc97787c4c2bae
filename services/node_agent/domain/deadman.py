"""The agent's end outside its own mercy: while accounts may be connected, the kernel ends the process with the lease.

The event loop stops the accounts a margin before that. But a loop that is blocked, and a process that is suspended with
its sockets open, stop nobody; the kernel's timer does. It is set when the first account begins to connect, moved on
with every grant, never back, and taken away when the last account has disconnected. Pure; the timer is a port.
"""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Kills this process at a moment of the monotonic clock, whatever the process does."""

    def set(self, at: float) -> None:
        """Kill at this moment, and no longer at the one before."""
        ...

    def clear(self) -> None:
        """Kill at no moment."""
        ...


class Deadman:
    """See the module's docstring. Times are monotonic seconds. `changed`: the first connects, or the last is gone."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._until = 0.0
        self._connected = 0
        self.changed: Callable[[], None] = lambda: None

    @property
    def armed_until(self) -> float | None:
        """When the process ends if nothing happens until then."""
        return self._until if self._connected else None

    def granted(self, until: float) -> None:
        """The lease ends then, or later."""
        if until > self._until:
            self._until = until
            if self._connected:
                self._timer.set(until)

    def connects(self) -> None:
        """An account is about to connect."""
        self._connected += 1
        if self._connected == 1:
            self._timer.set(self._until)
            self.changed()

    def disconnected(self) -> None:
        """An account that was about to connect, or has, is not connected any more."""
        self._connected -= 1
        if not self._connected:
            self._timer.clear()
            self.changed()


class NoTimer:
    """Kills nobody: for agents in a test's own process. `at` is when it would."""

    def __init__(self) -> None:
        self.at: float | None = None

    def set(self, at: float) -> None:
        """Keep it."""
        self.at = at

    def clear(self) -> None:
        """Forget it."""
        self.at = None
