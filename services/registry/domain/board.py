"""Assignments while they change: the rows and nodes that a transaction holds locked, and what has to be written.

Every change of a row goes through `apply`. What a change does to the sets of nodes follows here, in one place: the node
that had the account and the one that has it now get a new revision, and a folder's login that belongs to another node
is named to its node as excluded. A change that would touch a node that is not locked is not made; everything that asks
for one asks again (a beat, a job), or has locked anew (`use_cases/change_assignments.py`).

Locks are taken in one order: nodes by their ids, then rows by their accounts. Who makes a node an account's target
holds that node's lock too, so that its capacity is counted by one at a time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.registry.domain.assignments import (
    STAYS,
    Assignment,
    BelongsElsewhere,
    Event,
    Moved,
    Origin,
    Outcome,
    Reported,
    moved,
)
from services.registry.domain.node import StoredNode
from shared.contracts.assignments import (
    MOST_ASSIGNED,
    AssignAccounts,
    AssignedAccount,
    AssignmentChanged,
    AssignmentSet,
    assignments_digest,
)


@dataclass(frozen=True, slots=True)
class NodeSet:
    """A node with its set, whole."""

    node: StoredNode
    accounts: tuple[AssignedAccount, ...]

    @property
    def told(self) -> AssignAccounts:
        """What the node is told; built from rows, so not validated again."""
        return AssignAccounts.model_construct(
            node_id=self.node.node_id,
            revision=self.node.assignment_revision,
            accounts=list(self.accounts),
            excluded=list(self.node.excluded),
        )


class Board:
    """See the module's docstring. `nodes` and `rows` are locked; accounts that are `made` have an empty row to fill."""

    def __init__(
        self,
        nodes: Mapping[str, StoredNode],
        rows: Mapping[str, Assignment],
        at: datetime,
        made: Collection[str] = (),
    ) -> None:
        self._made = made
        self._nodes = dict(nodes)
        self._rows: dict[str, Assignment | None] = dict(rows)
        self._at = at
        self._changed: dict[str, None] = {}
        self._touched: set[str] = set()
        self.events: list[AssignmentChanged] = []

    @property
    def saved(self) -> list[Assignment]:
        """The rows that have changed, by account."""
        rows = (self._rows[account_id] for account_id in sorted(self._changed))
        return [row for row in rows if row is not None]

    @property
    def gone(self) -> list[str]:
        """The accounts that have no row any more, or an empty one that was made for nothing."""
        return sorted(each for each in {*self._changed, *self._made} if self._rows.get(each) is None)

    @property
    def touched(self) -> list[str]:
        """The nodes whose sets have changed."""
        return sorted(self._touched)

    def node(self, node_id: str) -> StoredNode:
        """A locked node; its set is that of before, until `sets` has named the new one."""
        return self._nodes[node_id]

    def row(self, account_id: str) -> Assignment | None:
        """An account's row as it is now."""
        return self._rows.get(account_id)

    def holds(self, *node_ids: str | None) -> bool:
        """Whether all these nodes are locked."""
        return all(node_id is None or node_id in self._nodes for node_id in node_ids)

    def apply(self, account_id: str, event: Event) -> Outcome:
        """Let something happen to an account's row."""
        before = self._rows.get(account_id)
        outcome = moved(before, account_id, event, self._at)
        match outcome:
            case Moved(after) if after is None or self.holds(after.node_id, after.target):
                if before is not None and not self.holds(before.node_id):
                    return STAYS
                self._take(account_id, before, outcome)
            case Moved():
                return STAYS
            case BelongsElsewhere() if isinstance(event, Reported):
                self.exclude(event.node_id, account_id)
        return outcome

    def continue_above(self, node_id: str, told: AssignmentSet) -> None:
        """A node goes by a set that this registry never made, or not this way: go on with higher numbers."""
        node = self._nodes[node_id]
        if is_ahead(told, node):
            self._nodes[node_id] = replace(node, assignment_revision=told.revision)
            self._touched.add(node_id)

    def exclude(self, node_id: str, account_id: str) -> None:
        """The login in this node's folder is not for it."""
        node = self._nodes[node_id]
        if account_id not in node.excluded and len(node.excluded) < MOST_ASSIGNED:
            self._nodes[node_id] = replace(node, excluded=tuple(sorted({*node.excluded, account_id})))
            self._touched.add(node_id)

    def admit(self, node_id: str, account_id: str) -> None:
        """The login is not in this node's folder any more, or it is the node's now."""
        node = self._nodes[node_id]
        if account_id in node.excluded:
            self._nodes[node_id] = replace(node, excluded=tuple(each for each in node.excluded if each != account_id))
            self._touched.add(node_id)

    def sets(self, accounts: Mapping[str, Sequence[AssignedAccount]]) -> dict[str, NodeSet]:
        """The new sets of the touched nodes, given what the saved rows say of them."""
        found = {}
        for node_id in self.touched:
            listed = tuple(accounts.get(node_id, ()))
            node = self._nodes[node_id]
            digest = assignments_digest(listed, node.excluded)
            node = replace(node, assignment_revision=node.assignment_revision + 1, assignment_digest=digest)
            found[node_id] = NodeSet(node, listed)
        return found

    def _take(self, account_id: str, before: Assignment | None, outcome: Moved) -> None:
        after = outcome.after
        had, has = _place(before), _place(after)
        if had != has:
            self._touched.update(node_id for node_id, _ in (*had, *has))
        if after is not None and after.node_id is not None:
            self.admit(after.node_id, account_id)
            if had != has:
                after = replace(after, told_in=self._nodes[after.node_id].assignment_revision + 1)
        if before is not None and before.node_id is not None and _left_for_the_vault(before, after):
            self.exclude(before.node_id, account_id)
        self._rows[account_id] = after
        self._changed[account_id] = None
        if outcome.change is not None:
            self.events.append(told(account_id, after, outcome.change, self._at))


def is_ahead(told: AssignmentSet, node: StoredNode) -> bool:
    """Whether a set that a node goes by was never made here, or not this way: this database is an older copy."""
    mine = (node.assignment_revision, node.assignment_digest)
    return told.revision > mine[0] or (told.revision == mine[0] and told.digest != mine[1])


def told(account_id: str, row: Assignment | None, change: str, at: datetime) -> AssignmentChanged:
    """The event that tells an account's assignment, whole; `change` as in `fleet.assignment.<change>`."""
    row = row or Assignment(account_id)
    return AssignmentChanged.model_construct(
        account_id=account_id,
        change=change,
        state=row.state,
        epoch=row.epoch,
        node_id=row.node_id,
        target=row.target,
        reason=row.reason,
        at=at,
    )


def orders(sets: Iterable[NodeSet]) -> list[AssignAccounts]:
    """The sets of those nodes that go by sets."""
    return [each.told for each in sets if each.node.takes_assignments]


def concerned(rows: Iterable[Assignment]) -> set[str]:
    """The nodes that have these accounts, or are to get them."""
    return {node_id for row in rows for node_id in (row.node_id, row.target) if node_id is not None}


def _left_for_the_vault(before: Assignment, after: Assignment | None) -> bool:
    """Whether a login's file stays behind in a folder from which it is not to be run any more."""
    moved_away = after is not None and after.node_id != before.node_id
    return moved_away and before.origin is Origin.FOLDER and after is not None and after.origin is Origin.VAULT


def _place(row: Assignment | None) -> tuple[tuple[str, AssignedAccount], ...]:
    if row is None or row.node_id is None or (entry := row.entry) is None:
        return ()
    return ((row.node_id, entry),)
