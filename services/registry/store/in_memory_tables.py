"""The tables of the in-memory store: dictionaries by primary key."""

from dataclasses import dataclass, field
from datetime import datetime

from services.registry.domain.assignments import Assignment
from services.registry.domain.node import StoredNode
from shared.contracts.accounts import AccountChanged, AccountReport
from shared.contracts.contract import Contract


@dataclass(frozen=True, slots=True)
class NodeTimes:
    """The columns of a node that the database's clock writes."""

    created_at: datetime
    updated_at: datetime
    lease_until: datetime | None = None
    last_heartbeat_at: datetime | None = None
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account's row; `origin` is (boot, seq, change number)."""

    report: AccountReport
    origin: tuple[int, int, int]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """An entry of the history."""

    change: AccountChanged
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class CountRow:
    """Messages and replies: before the hour, and at the last look within it."""

    base: tuple[int, int]
    count: tuple[int, int]


@dataclass
class Tables:
    """All of them. Rows are immutable, so a shallow copy of the dictionaries is a snapshot."""

    nodes: dict[str, StoredNode] = field(default_factory=dict)
    times: dict[str, NodeTimes] = field(default_factory=dict)
    accounts: dict[tuple[str, str], AccountRow] = field(default_factory=dict)
    changes: dict[tuple[str, str, int], ChangeRow] = field(default_factory=dict)
    counts: dict[tuple[str, str, datetime], CountRow] = field(default_factory=dict)
    assignments: dict[str, Assignment] = field(default_factory=dict)
    outbox: list[Contract] = field(default_factory=list)

    def snapshot(self) -> "Tables":
        """The tables as they are now."""
        return Tables(
            dict(self.nodes),
            dict(self.times),
            dict(self.accounts),
            dict(self.changes),
            dict(self.counts),
            dict(self.assignments),
            list(self.outbox),
        )

    def restore(self, snapshot: "Tables") -> None:
        """Back to a snapshot."""
        self.nodes, self.times, self.accounts = snapshot.nodes, snapshot.times, snapshot.accounts
        self.changes, self.counts, self.assignments = snapshot.changes, snapshot.counts, snapshot.assignments
