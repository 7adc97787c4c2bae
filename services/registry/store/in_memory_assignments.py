"""Assignments in the in-memory store: the same rules as in SQL, on dictionaries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.registry.domain.assignment_rows import Over, Place, Unplaced
from services.registry.domain.assignments import ASSIGNED, RELEASING, Assignment, Takeover
from services.registry.domain.node import StoredNode
from services.registry.domain.places import Host
from services.registry.store.in_memory_tables import Tables
from shared.contracts.assignments import AssignedAccount
from shared.contracts.fleet import NodeStatus


@dataclass
class InMemoryAssignments:
    """`AssignmentRows` on the tables."""

    tables: Tables
    now: datetime

    async def assignments(self, account_ids: Iterable[str]) -> dict[str, Assignment]:
        """The rows."""
        rows = self.tables.assignments
        return {account_id: rows[account_id] for account_id in sorted(set(account_ids)) if account_id in rows}

    async def lock_assignments(self, account_ids: Iterable[str], make: Iterable[str] = ()) -> dict[str, Assignment]:
        """The rows; missing ones of `make` are made first."""
        made = set(make)
        for account_id in made:
            self.tables.assignments.setdefault(account_id, Assignment(account_id))
        return await self.assignments({*account_ids, *made})

    async def save_assignments(self, rows: Sequence[Assignment]) -> None:
        """Write rows."""
        self.tables.assignments.update({row.account_id: row for row in rows})

    async def forget_assignments(self, account_ids: Sequence[str]) -> None:
        """Delete rows."""
        for account_id in account_ids:
            self.tables.assignments.pop(account_id, None)

    async def assigned_to(self, node_ids: Iterable[str]) -> dict[str, list[AssignedAccount]]:
        """What the rows say of these nodes' sets."""
        found: dict[str, list[AssignedAccount]] = {}
        wanted = set(node_ids)
        for _, row in sorted(self.tables.assignments.items()):
            if row.node_id in wanted and row.node_id is not None and row.entry is not None:
                found.setdefault(row.node_id, []).append(row.entry)
        return found

    async def save_sets(self, nodes: Sequence[StoredNode]) -> None:
        """Write the names of sets."""
        for node in nodes:
            self._change(
                node.node_id,
                assignment_revision=node.assignment_revision,
                assignment_digest=node.assignment_digest,
                excluded=node.excluded,
            )

    async def save_policies(self, nodes: Sequence[StoredNode]) -> None:
        """Write what is wanted of nodes."""
        for node in nodes:
            self._change(node.node_id, policy=node.policy)

    async def silence(self, node_ids: Iterable[str], margin: timedelta) -> None:
        """What was answered until the leases end is known to nobody."""
        wanted = set(node_ids)
        for row in [row for row in self._rows() if row.node_id in wanted]:
            end = self.tables.times[row.node_id or ""].lease_until
            if end is not None:
                until = max(end + margin, row.silent_before or end + margin)
                self.tables.assignments[row.account_id] = replace(row, silent_before=until)

    async def unplaced(self, after: Place, most: int) -> list[Unplaced]:
        """Reports that no row answers to."""
        found = []
        for (node_id, account_id), reported in sorted(self.tables.accounts.items()):
            row, epoch = self.tables.assignments.get(account_id), reported.report.epoch or 0
            if (node_id, account_id) <= after or self.tables.nodes[node_id].status is not NodeStatus.ONLINE:
                continue
            if row is None or epoch > row.epoch or (epoch == 0 and row.claimable):
                found.append(Unplaced(node_id, account_id, epoch))
        return found[:most]

    async def over(self, margin: timedelta, most: int) -> list[Over]:
        """Releases whose node's lease is over."""
        rows = [row for row in self._rows() if row.state is RELEASING]
        # A login that the vault does not have is waited for, but not from a node that is cut off for good.
        keys = {node_id: node.sealing_key for node_id, node in self.tables.nodes.items()}
        due = [row for row in rows if row.in_vault is not None or keys.get(row.node_id or "") is None]
        silent = [row for row in due if self._silent(row, margin)][:most]
        ends = [self.tables.times[row.node_id or ""].lease_until for row in silent]
        return [Over(row, end + margin) for row, end in zip(silent, ends, strict=True) if end is not None]

    async def of_dead_nodes(self, patience: timedelta, after: Place, most: int) -> list[Assignment]:
        """Accounts that move because their node is dead."""
        rows = [row for row in self._rows(after) if row.state is ASSIGNED and row.in_vault is not None]
        return [row for row in rows if self._silent(row, patience) and self._moves(row)][:most]

    async def of_draining_nodes(self, after: Place, most: int) -> list[Assignment]:
        """Accounts that draining nodes still have."""
        rows = [row for row in self._rows(after) if row.state is ASSIGNED]
        nodes = self.tables.nodes
        wanted = {each for each, node in nodes.items() if node.policy.draining and node.takes_assignments}
        return [row for row in rows if row.node_id in wanted][:most]

    async def hosts(self, node_ids: Iterable[str] | None = None) -> list[Host]:
        """Nodes as places for accounts."""
        places = [place for row in self._rows() for place in {row.node_id, row.target}]
        wanted = self.tables.nodes.keys() if node_ids is None else set(node_ids)
        return [
            Host(
                node_id=node_id,
                status=node.status,
                labels=node.facts.labels,
                takes_assignments=node.takes_assignments,
                sealing_key=node.sealing_key,
                policy=node.policy,
                accounts=places.count(node_id),
            )
            for node_id, node in sorted(self.tables.nodes.items())
            if node_id in wanted
        ]

    async def assignments_after(self, account_id: str, most: int) -> list[Assignment]:
        """The next rows by account."""
        return [row for each, row in sorted(self.tables.assignments.items()) if each > account_id][:most]

    def _rows(self, after: Place = ("", "")) -> list[Assignment]:
        # As in SQL, questions about several nodes' accounts are in the order of node and account.
        placed = {(row.node_id or "", row.account_id): row for row in self.tables.assignments.values()}
        return [row for place, row in sorted(placed.items()) if place > after]

    def _silent(self, row: Assignment, seconds: timedelta) -> bool:
        times = self.tables.times.get(row.node_id or "")
        node = self.tables.nodes.get(row.node_id or "")
        ended = times is not None and times.lease_until is not None and times.lease_until < self.now - seconds
        return ended and node is not None and node.takes_assignments

    def _moves(self, row: Assignment) -> bool:
        node = self.tables.nodes[row.node_id or ""]
        return node.status is NodeStatus.OFFLINE and (row.takeover or node.policy.takeover) is Takeover.MOVE

    def _change(self, node_id: str, **fields: object) -> None:
        node = replace(self.tables.nodes[node_id], **fields)  # type: ignore[arg-type]  # a node's own fields
        self.tables.nodes[node_id] = node
        self.tables.times[node_id] = replace(self.tables.times[node_id], updated_at=self.now)
