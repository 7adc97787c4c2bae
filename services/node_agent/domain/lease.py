"""The agent's permission to run its accounts, counted so that the agent always gives up before the registry.

A grant for the beat `(boot, seq)` ends `seconds` after that beat was *sent* (monotonic seconds that go on while
the machine sleeps). Grants of another boot and of beats that nobody remembers are ignored; of several grants the
latest end wins, in whatever order they come. Accounts may run until a margin before the end, which is the time
that disconnecting may take.

| state   | grant                        | refusal (ours) | time                    |
| ------- | ---------------------------- | -------------- | ----------------------- |
| none    | running                      | refused        | -                       |
| running | running, end only rises      | refused        | at end - margin: lapsed |
| lapsed  | running if its end is ahead  | refused        | -                       |
| refused | running if seq is newer      | refused        | -                       |
"""

from collections import OrderedDict
from dataclasses import dataclass

# Ten minutes of beats; a grant for an older one has run out anyway.
MOST_BEATS = 64
# A tenth of the lease for closing connections, and never less than a second.
MARGIN_SHARE = 0.1
LEAST_MARGIN = 1.0


@dataclass(frozen=True)
class Extended:
    """The lease now ends at `until`, in monotonic seconds."""

    until: float


@dataclass(frozen=True)
class Ignored:
    """A grant or refusal that changes nothing, and why."""

    why: str


@dataclass(frozen=True)
class Refused:
    """The registry has refused this boot."""

    newest_boot: int


class Lease:
    """The lease of one boot. Times are monotonic seconds, given by the caller."""

    def __init__(self, boot: int) -> None:
        self._boot = boot
        self._sent: OrderedDict[int, float] = OrderedDict()
        self._until: float | None = None
        self._margin = LEAST_MARGIN
        self._refused_at: int | None = None
        self._newest_boot = boot

    @property
    def until(self) -> float | None:
        """When the accounts must have been stopped: the end less the margin; None without a lease."""
        if self._until is None or self._refused_at is not None:
            return None
        return self._until - self._margin

    @property
    def refusal(self) -> Refused | None:
        """The refusal that is in force."""
        return Refused(self._newest_boot) if self._refused_at is not None else None

    def may_run(self, now: float) -> bool:
        """Whether accounts may be connected and may send."""
        return self.until is not None and now < self.until

    def beat_sent(self, seq: int, at: float) -> None:
        """Remember when a beat was sent; called before it is published, so the count starts early, never late."""
        self._sent[seq] = at
        while len(self._sent) > MOST_BEATS:
            self._sent.popitem(last=False)

    def grant(self, boot: int, seq: int, seconds: float) -> Extended | Ignored:
        """The registry has committed the beat `seq` and grants `seconds` from its sending."""
        if boot != self._boot:
            return Ignored(f"granted to boot {boot}, this is {self._boot}")
        if seq not in self._sent:
            return Ignored(f"granted for beat {seq}, which is not remembered")
        if self._refused_at is not None and seq <= self._refused_at:
            return Ignored(f"granted for beat {seq}, refused since beat {self._refused_at}")
        self._refused_at = None
        until = self._sent[seq] + seconds
        if self._until is None or until > self._until:
            self._until = until
            self._margin = max(LEAST_MARGIN, seconds * MARGIN_SHARE)
        return Extended(self._until)

    def refuse(self, boot: int, seq: int, newest_boot: int) -> Refused | Ignored:
        """The registry refuses the beat `seq`: whatever was granted before is over."""
        if boot != self._boot:
            return Ignored(f"refused to boot {boot}, this is {self._boot}")
        self._refused_at = max(seq, self._refused_at or 0)
        self._newest_boot = newest_boot
        self._until = None
        return Refused(newest_boot)
