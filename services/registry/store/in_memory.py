"""The store in memory: the database's twin for tests in virtual time.

One transaction at a time works on the tables themselves and puts a copy back if it fails. Time is the given clock's.
`fail_with` is raised by every transaction while it is set, as PostgreSQL does when it is away.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import itemgetter

from services.registry.domain.accounts import (
    AccountGroup,
    FullReport,
    Removal,
    Written,
    counters_of,
    placed,
    state_of,
)
from services.registry.domain.node import StoredNode
from services.registry.domain.ports import AccountKey
from services.registry.store.in_memory_assignments import InMemoryAssignments
from services.registry.store.in_memory_queries import InMemoryQueries
from services.registry.store.in_memory_tables import AccountRow, ChangeRow, CountRow, NodeTimes, Tables
from shared.clock import Clock
from shared.contracts.accounts import AccountChanged
from shared.contracts.contract import Contract
from shared.contracts.fleet import NodeStatus


@dataclass
class InMemoryTransaction(InMemoryAssignments):
    """A `Transaction` on the tables."""

    outbox: list[Contract] = field(default_factory=list)

    async def lock_nodes(self, node_ids: Iterable[str]) -> dict[str, StoredNode]:
        """The nodes; missing ones are made."""
        wanted = set(node_ids)
        for node_id in sorted(wanted):
            if node_id not in self.tables.nodes:
                self.tables.nodes[node_id] = StoredNode(node_id)
                self.tables.times[node_id] = NodeTimes(created_at=self.now, updated_at=self.now)
        return {node_id: self._as_held(node_id) for node_id in sorted(wanted)}

    def _as_held(self, node_id: str) -> StoredNode:
        held_until = self.tables.times[node_id].held_until
        return replace(self.tables.nodes[node_id], held=held_until is not None and held_until > self.now)

    async def save_nodes(self, nodes: Sequence[StoredNode], lease_seconds: float) -> None:
        """Write nodes and renew their leases."""
        for node in nodes:
            # Sets and policies have statements of their own.
            self.tables.nodes[node.node_id] = wanted_as_before(self.tables.nodes[node.node_id], node)
            self.tables.times[node.node_id] = replace(
                self.tables.times[node.node_id],
                lease_until=_latest(self.tables.times[node.node_id].lease_until, self.now, lease_seconds),
                last_heartbeat_at=self.now,
                updated_at=self.now,
            )

    async def renew_leases(self, node_ids: Iterable[str], lease_seconds: float) -> None:
        """Renew leases."""
        for node_id in node_ids:
            times = self.tables.times[node_id]
            lease_until = _latest(times.lease_until, self.now, lease_seconds)
            self.tables.times[node_id] = replace(times, lease_until=lease_until)

    async def hold_nodes(self, node_ids: Iterable[str], margin: timedelta) -> set[str]:
        """Hold nodes that have a lease."""
        held = set()
        for node_id in node_ids:
            times = self.tables.times[node_id]
            if times.lease_until is not None and times.lease_until > self.now - margin:
                until = times.lease_until + margin
                self.tables.times[node_id] = replace(times, held_until=max(times.held_until or until, until))
                held.add(node_id)
        return held

    async def expire_leases(self, most: int) -> list[StoredNode]:
        """Make nodes offline whose lease has ended."""
        ended = []
        for node_id, node in sorted(self.tables.nodes.items()):
            lease_until = self.tables.times[node_id].lease_until
            if node.status is NodeStatus.ONLINE and lease_until is not None and lease_until < self.now:
                ended.append(replace(node, status=NodeStatus.OFFLINE))
        for node in ended[:most]:
            self.tables.nodes[node.node_id] = node
            self.tables.times[node.node_id] = replace(self.tables.times[node.node_id], updated_at=self.now)
        return ended[:most]

    async def nodes_after(self, node_id: str, most: int) -> list[StoredNode]:
        """The next nodes by id."""
        return [node for each, node in sorted(self.tables.nodes.items()) if each > node_id][:most]

    async def write_accounts(self, groups: Sequence[AccountGroup]) -> Written:
        """Write account rows of higher origin."""
        written = Written()
        for group, places in placed(groups):
            origin = (group.boot, group.seq, group.number)
            for place, report in zip(places, group.reports, strict=True):
                key = (group.node_id, report.account_id)
                before = self.tables.accounts.get(key)
                if before is not None and before.origin >= origin:
                    continue
                self.tables.accounts[key] = AccountRow(report, origin, self.now)
                if before is None or before.report.epoch != report.epoch:
                    written.placed.add(place)
                if before is None or state_of(before.report) != state_of(report):
                    written.changed.add(place)
                elif counters_of(before.report) != counters_of(report):
                    written.counted.add(place)
        return written

    async def remove_accounts(self, removals: Sequence[Removal]) -> list[AccountKey]:
        """Delete accounts that were let go."""
        gone = []
        for removal in removals:
            key = (removal.node_id, removal.account_id)
            row = self.tables.accounts.get(key)
            if row is not None and row.origin[:2] <= (removal.boot, removal.seq):
                del self.tables.accounts[key]
                gone.append(key)
        return gone

    async def remove_unlisted(self, full: Sequence[FullReport]) -> list[AccountKey]:
        """Delete accounts that full reports do not list."""
        since = {report.node_id: (report.boot, report.seq) for report in full}
        accounts = self.tables.accounts.items()
        gone = [key for key, row in accounts if key[0] in since and row.origin[:2] < since[key[0]]]
        for key in gone:
            del self.tables.accounts[key]
        return gone

    async def known_accounts(self, keys: Iterable[AccountKey]) -> set[AccountKey]:
        """Which of these have a row."""
        return {key for key in keys if key in self.tables.accounts}

    async def add_changes(self, changes: Sequence[AccountChanged]) -> None:
        """Put changes in the history."""
        for change in changes:
            key = (change.node_id, change.ledger_id, change.number)
            self.tables.changes.setdefault(key, ChangeRow(change, self.now))

    async def advance_changes(self, node_ids: Iterable[str]) -> Mapping[str, int]:
        """Raise `changes_through` where it can be."""
        risen = {}
        for node_id in set(node_ids):
            node = self.tables.nodes[node_id]
            through = node.changes_through
            while (node_id, node.ledger_id or "", through + 1) in self.tables.changes:
                through += 1
            if through > node.changes_through:
                self.tables.nodes[node_id] = replace(node, changes_through=through)
                risen[node_id] = through
        return risen

    async def prune_changes(self, keep: int, older_than: timedelta, most: int) -> int:
        """Delete old history."""
        newest: dict[str, int] = {}
        former: dict[str, int] = {}
        old = []
        newest_first = sorted(self.tables.changes.items(), key=lambda each: (each[1].recorded_at, each[0][2]))[::-1]
        for (node_id, ledger_id, number), row in newest_first:
            node, aged = self.tables.nodes[node_id], row.recorded_at < self.now - older_than
            if node.ledger_id == ledger_id:
                beyond = number <= newest.setdefault(node_id, number) - keep
                gone = number <= node.changes_through and (beyond or aged)
            else:
                former[node_id] = former.get(node_id, 0) + 1
                gone = former[node_id] > keep or aged
            if gone:
                old.append((node_id, ledger_id, number))
        for key in old[-most:]:
            del self.tables.changes[key]
        return len(old[-most:])

    async def count_accounts(self) -> int:
        """Keep the accounts' counters."""
        hour, written = self.now.replace(minute=0, second=0, microsecond=0), 0
        newest = {key[:2]: row for key, row in sorted(self.tables.counts.items(), key=itemgetter(0))}
        for (node_id, account_id), row in self.tables.accounts.items():
            now = (row.report.message_count, row.report.reply_count)
            last = newest.get((node_id, account_id))
            if last is not None and last.count == now:
                continue
            here = self.tables.counts.get((node_id, account_id, hour))
            base = here.base if here else last.count if last else now
            fitting = (min(base[0], now[0]), min(base[1], now[1]))
            self.tables.counts[node_id, account_id, hour] = CountRow(fitting, now)
            written += 1
        return written

    async def prune_counts(self, older_than: timedelta, most: int) -> int:
        """Delete counts of old hours."""
        old = [key for key in self.tables.counts if key[2] < self.now - older_than][:most]
        for key in old:
            del self.tables.counts[key]
        return len(old)

    async def emit(self, messages: Iterable[Contract]) -> None:
        """Put messages in the outbox."""
        self.outbox.extend(messages)

    async def unsent(self, most: int) -> int:
        """How many messages wait in the outbox."""
        return min(most, len(self.tables.outbox) + len(self.outbox))


def wanted_as_before(before: StoredNode, node: StoredNode) -> StoredNode:
    """The node as it has beaten, with what its row says of its set and of what is wanted of it."""
    return replace(
        node,
        sealing_key=before.sealing_key,
        assignment_revision=before.assignment_revision,
        assignment_digest=before.assignment_digest,
        excluded=before.excluded,
        policy=before.policy,
        held=False,  # its row has only until when
    )


class InMemoryStore(InMemoryQueries):
    """`FleetStore` and `FleetReader` in one process. `sent` are the messages of committed transactions."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(Tables())
        self.fail_with: Exception | None = None
        self._clock = clock
        self._lock = asyncio.Lock()

    @property
    def sent(self) -> list[Contract]:
        """The outbox; tests may clear it, as a relay would."""
        return self._tables.outbox

    def enrol(self, node_id: str, sealing_key: str) -> None:
        """Give a node the key that logins are sealed to."""
        self._tables.nodes[node_id] = replace(self._tables.nodes[node_id], sealing_key=sealing_key)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[InMemoryTransaction]:
        """A transaction."""
        async with self._lock:
            if self.fail_with is not None:
                raise self.fail_with
            before = self._tables.snapshot()
            transaction = InMemoryTransaction(self._tables, self._clock.now())
            try:
                yield transaction
            except BaseException:
                self._tables.restore(before)
                raise
            self._tables.outbox.extend(transaction.outbox)


def _latest(lease_until: datetime | None, now: datetime, seconds: float) -> datetime:
    """The end of a lease that is renewed now: never earlier than it was."""
    renewed = now + timedelta(seconds=seconds)
    return renewed if lease_until is None else max(lease_until, renewed)
