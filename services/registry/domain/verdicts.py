"""When the registry may say that a node is offline.

A lease that ran out means that the node is away only if the registry was listening all that time. So verdicts are
suspended until the intake has been healthy without a break for a whole lease and a margin: every living node has had
the time to renew. A registry that has just started, whose database was away, that lost its broker or that is
behind with its queue therefore declares nobody dead.

Healthy is: the consumer consumes, its backlog is small, the last batch was committed, none is stuck. A gap between two
samples (the process slept, the database did not answer, another replica was the runner) is a break.
"""

from dataclasses import dataclass

# Half a second of intake at the slowest rate that was measured: that much waiting is no sign of falling behind.
SMALL_BACKLOG = 500
STUCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class IntakeSample:
    """The intake at one moment. `at` is monotonic seconds, `busy_seconds` the age of the batch in work."""

    at: float
    consuming: bool
    backlog: int
    last_batch_failed: bool
    busy_seconds: float = 0.0

    @property
    def trouble(self) -> str | None:
        """Why no verdict can be built on this moment; None if it is healthy."""
        if not self.consuming:
            return "the registry does not consume heartbeats"
        if self.backlog > SMALL_BACKLOG:
            return f"{self.backlog} heartbeats wait in the queue"
        if self.last_batch_failed:
            return "the last batch of heartbeats was not committed"
        if self.busy_seconds > STUCK_SECONDS:
            return f"a batch of heartbeats has been in work for {self.busy_seconds:.0f} s"
        return None


@dataclass(frozen=True, slots=True)
class Allowed:
    """Leases that ran out may be called offline."""


@dataclass(frozen=True, slots=True)
class Suspended:
    """No verdicts for now; `reason` is for the operator."""

    reason: str


class Verdicts:
    """Watches the intake. `quiet_seconds` is the lease and the margin, `longest_gap` between two samples."""

    def __init__(self, quiet_seconds: float, longest_gap: float) -> None:
        self._quiet = quiet_seconds
        self._gap = longest_gap
        self._healthy_since: float | None = None
        self._last: float | None = None

    def consider(self, sample: IntakeSample) -> Allowed | Suspended:
        """Take a sample in, and say what it allows."""
        if self._last is None or sample.at - self._last > self._gap:
            self._healthy_since = None
        self._last = sample.at
        if sample.trouble is not None:
            self._healthy_since = None
            return Suspended(sample.trouble)
        if self._healthy_since is None:
            self._healthy_since = sample.at
        healthy = sample.at - self._healthy_since
        if healthy < self._quiet:
            return Suspended(f"the intake has been healthy for {healthy:.0f} s of {self._quiet:.0f} s")
        return Allowed()
