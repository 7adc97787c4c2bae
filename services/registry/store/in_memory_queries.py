"""The questions of the API, answered from the in-memory tables by the same rules as in SQL."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

from services.registry.domain.assignment_rows import AssignmentQuestion
from services.registry.domain.assignments import Assignment
from services.registry.domain.judgement import offline_reason
from services.registry.domain.views import (
    NEVER,
    AccountPlace,
    AccountQuestion,
    AccountSort,
    AccountSummary,
    AccountView,
    AssignmentView,
    CauseView,
    ChangeView,
    CountView,
    NodeQuestion,
    NodeView,
    RefusedView,
)
from services.registry.store.in_memory_tables import Tables
from shared.contracts.accounts import AccountStatus
from shared.contracts.fleet import NodeStatus


class InMemoryQueries:
    """`FleetReader` on tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def accounts(self, question: AccountQuestion, after: AccountPlace, limit: int) -> list[AccountView]:
        """A page of accounts."""
        views = [self._view(key) for key in self._tables.accounts]
        found = [view for view in views if _fits(view, question) and self._labelled(view.node_id, question.label)]
        if question.reason is not None:
            found = [view for view in found if self._online(view) and view.status_reason == question.reason]
        found.sort(key=lambda view: _key(view, question.sort), reverse=question.descending)
        if after.node_id:
            place = (_value(question.sort, after), after.node_id, after.account_id)
            found = [
                view
                for view in found
                if (_key(view, question.sort) < place if question.descending else _key(view, question.sort) > place)
            ]
        return found[:limit]

    async def account(self, account_id: str, node_id: str | None) -> AccountView | None:
        """One account."""
        views = [self._view(key) for key in sorted(self._tables.accounts) if key[1] == account_id]
        views = [view for view in views if node_id in (None, view.node_id)]
        return max(views, key=lambda view: view.updated_at, default=None)

    async def account_changes(self, account_id: str, node_id: str | None, limit: int) -> list[ChangeView]:
        """An account's history."""
        rows = [
            row
            for row in self._tables.changes.values()
            if row.change.account.account_id == account_id and node_id in (None, row.change.node_id)
        ]
        rows.sort(key=lambda row: (row.change.at, row.change.number), reverse=True)
        return [
            ChangeView(
                node_id=row.change.node_id,
                number=row.change.number,
                previous_status=row.change.previous_status,
                status=row.change.account.status,
                reason=row.change.account.status_reason,
                at=row.change.at,
                recorded_at=row.recorded_at,
            )
            for row in rows[:limit]
        ]

    async def account_counts(self, account_id: str, node_id: str | None, limit: int) -> list[CountView]:
        """What an account heard and sent, by hours."""
        hours: dict[datetime, list[int]] = defaultdict(lambda: [0, 0])
        for (where, which, hour), row in self._tables.counts.items():
            if which == account_id and node_id in (None, where):
                hours[hour][0] += row.count[0] - row.base[0]
                hours[hour][1] += row.count[1] - row.base[1]
        newest = sorted(((hour, counts) for hour, counts in hours.items() if any(counts)), reverse=True)[:limit]
        return [CountView(hour=hour, messages=messages, replies=replies) for hour, (messages, replies) in newest]

    async def causes(self, most: int) -> list[CauseView]:
        """Why accounts are not well."""
        views = [self._view(key) for key in self._tables.accounts]
        ill = [view for view in views if view.status in ("error", "limited") and self._online(view)]
        counted = Counter((view.status, view.status_reason) for view in ill)
        order = sorted(counted.items(), key=lambda one: (-one[1], one[0][0], one[0][1] or ""))
        return [
            CauseView(status=status, reason=reason, accounts=accounts) for (status, reason), accounts in order[:most]
        ]

    async def user_ids(self, most: int) -> list[int]:
        """The Telegram users of all accounts."""
        return sorted({row.report.user_id for row in self._tables.accounts.values() if row.report.user_id})[:most]

    async def assignment_page(self, question: AssignmentQuestion, after: str, limit: int) -> list[AssignmentView]:
        """A page of assignments."""
        views = [_assigned(row) for account_id, row in sorted(self._tables.assignments.items()) if account_id > after]
        return [
            view
            for view in views
            if question.node_id in (None, view.node_id, view.target) and question.state in (None, view.state)
        ][:limit]

    async def assignment(self, account_id: str) -> AssignmentView | None:
        """One assignment."""
        row = self._tables.assignments.get(account_id)
        return None if row is None else _assigned(row)

    async def summary(self) -> AccountSummary:
        """The fleet in numbers."""
        views = [self._view(key) for key in self._tables.accounts]
        accounts = dict.fromkeys(AccountStatus, 0)
        for view in views:
            accounts[view.status] += 1
        nodes = dict.fromkeys(NodeStatus, 0)
        for node in self._tables.nodes.values():
            nodes[node.status] += 1
        return AccountSummary(
            nodes=nodes,
            accounts=accounts,
            message_count=sum(view.message_count for view in views),
            reply_count=sum(view.reply_count for view in views),
        )

    async def nodes(self, question: NodeQuestion, after: str, limit: int) -> list[NodeView]:
        """A page of nodes."""
        node_ids = [each for each in sorted(self._tables.nodes) if each > after]
        views = (self._node_view(node_id) for node_id in node_ids)
        return [view for view in views if self._asked(view, question)][:limit]

    async def node(self, node_id: str) -> NodeView | None:
        """One node."""
        return self._node_view(node_id) if node_id in self._tables.nodes else None

    async def ping(self) -> None:
        """Memory answers."""

    def _asked(self, view: NodeView, question: NodeQuestion) -> bool:
        part = (question.q or "").lower()
        return (
            question.status in (None, view.status)
            and question.source in (None, view.source)
            and self._labelled(view.node_id, question.label)
            and (part in view.node_id.lower() or part in view.hostname.lower())
        )

    def _online(self, view: AccountView) -> bool:
        return self._tables.nodes[view.node_id].status is not NodeStatus.OFFLINE

    def _labelled(self, node_id: str, label: tuple[str, str] | None) -> bool:
        return label is None or self._tables.nodes[node_id].facts.labels.get(label[0]) == label[1]

    def _since(self, key: tuple[str, str], status: AccountStatus) -> datetime | None:
        changes = [
            row.change
            for row in self._tables.changes.values()
            if (row.change.node_id, row.change.account.account_id) == key
        ]
        newest = max(changes, key=lambda change: (change.at, change.number), default=None)
        return newest.at if newest and newest.account.status is status else None

    def _view(self, key: tuple[str, str]) -> AccountView:
        row, node = self._tables.accounts[key], self._tables.nodes[key[0]]
        shown = row.report.model_dump() | {"node_id": key[0], "source": node.facts.source, "updated_at": row.updated_at}
        shown |= {"status_since": self._since(key, row.report.status)}
        assignment = self._tables.assignments.get(key[1])
        if assignment is not None:
            shown |= {"assignment": assignment.state, "assigned_to": assignment.node_id, "target": assignment.target}
        if node.status is NodeStatus.OFFLINE:
            until = self._tables.times[node.node_id].lease_until
            reason = offline_reason(node.node_id, until)
            shown |= {"status": AccountStatus.OFFLINE, "status_reason": reason, "status_since": until}
        return AccountView(**shown)

    def _node_view(self, node_id: str) -> NodeView:
        node, times = self._tables.nodes[node_id], self._tables.times[node_id]
        facts = self._tables.nodes[node_id].facts
        return NodeView(
            keys_serial=facts.keys_serial,
            refused=None if facts.refused is None else RefusedView.model_validate(facts.refused),
            resources=node.resources,
            node_id=node_id,
            status=node.status,
            source=node.facts.source,
            hostname=node.facts.hostname,
            agent_version=node.facts.agent_version,
            labels=node.facts.labels,
            account_count=node.account_count,
            artifacts=list(node.artifacts),
            takes_assignments=node.takes_assignments,
            enrolled=node.sealing_key is not None,
            assignment_revision=node.assignment_revision,
            assigned=sum(1 for row in self._tables.assignments.values() if row.node_id == node_id),
            excluded=list(node.excluded),
            takeover=node.policy.takeover,
            capacity=node.policy.capacity,
            draining=node.policy.draining,
            boot=node.boot,
            seq=node.seq,
            lease_until=times.lease_until,
            last_heartbeat_at=times.last_heartbeat_at,
            created_at=times.created_at,
            updated_at=times.updated_at,
        )


def _assigned(row: Assignment) -> AssignmentView:
    return AssignmentView(**{name: getattr(row, name) for name in AssignmentView.model_fields})


def _fits(view: AccountView, question: AccountQuestion) -> bool:
    named = (view.account_id, view.node_id, view.script_id or "", view.session_file or "")
    return (
        question.node_id in (None, view.node_id)
        and (not question.status or view.status in question.status)
        and question.source in (None, view.source)
        and question.script_id in (None, view.script_id)
        and (not question.q or any(question.q.lower() in name.lower() for name in named))
    )


_FIRST = datetime.min.replace(tzinfo=UTC)


def _key(view: AccountView, sort: AccountSort) -> tuple[Any, str, str]:
    values: dict[AccountSort, Any] = {
        AccountSort.NODE: view.node_id,
        AccountSort.ACCOUNT: view.account_id,
        AccountSort.STATUS: view.status.value,
        AccountSort.SCRIPT: view.script_id or "",
        AccountSort.MESSAGES: view.message_count,
        AccountSort.REPLIES: view.reply_count,
        AccountSort.ACTIVITY: view.last_activity or _FIRST,
    }
    return values[sort], view.node_id, view.account_id


def _value(sort: AccountSort, after: AccountPlace) -> Any:
    """What the place's last row was sorted by."""
    match sort:
        case AccountSort.NODE:
            return after.node_id
        case AccountSort.MESSAGES | AccountSort.REPLIES:
            return int(after.value)
        case AccountSort.ACTIVITY:
            return _FIRST if after.value == NEVER else datetime.fromisoformat(after.value)
        case _:
            return after.value
