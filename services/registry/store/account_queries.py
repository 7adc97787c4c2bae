"""Questions about accounts, for the API: the shown status is computed here, in one place.

An account whose node has no lease is shown `offline` with the reason, and the filters work on what is shown.
"""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.judgement import offline_reason
from services.registry.domain.views import (
    AccountPlace,
    AccountQuestion,
    AccountSort,
    AccountSummary,
    AccountView,
    CauseView,
)
from services.registry.store.columns import literal
from shared.contracts.accounts import AccountStatus
from shared.contracts.fleet import NodeStatus

_SHOWN_STATUS = "case when n.status = 'offline' then 'offline' else a.status end"
# Of the newest change, if it led to the state that the row has; a heartbeat may be ahead of the history.
_SINCE = (
    "case when n.status = 'offline' then n.lease_until else ("
    " select case when c.status = a.status then c.at end from registry.account_changes as c"
    " where c.account_id = a.account_id and c.node_id = a.node_id order by c.at desc, c.number desc limit 1) end"
)
_ROWS = (
    f"select a.account_id, a.node_id, n.source, {_SHOWN_STATUS} as status, a.status_reason, "
    f"{_SINCE} as status_since, a.script_id, "
    "a.script_version, a.script_hash, a.message_count, a.reply_count, a.uncertain_count, a.last_activity, "
    "a.session_file, a.updated_at, "
    "a.epoch, a.session_version, s.state as assignment, s.node_id as assigned_to, s.target, "
    "n.status as node_status, n.lease_until from registry.accounts as a join registry.nodes as n using (node_id) "
    "left join registry.assignments as s using (account_id)"
)
_ONE = text(
    f"{_ROWS} where a.account_id = :account_id and (cast(:node_id as text) is null or a.node_id = :node_id) "
    "order by a.updated_at desc, a.node_id limit 1"
)
_SUMMARY = text(
    f"select {_SHOWN_STATUS} as status, count(*) as accounts, sum(a.message_count) as messages, "
    "sum(a.reply_count) as replies from registry.accounts as a join registry.nodes as n using (node_id) group by 1"
)
_CAUSES = text(
    "select a.status, a.status_reason as reason, count(*) as accounts from registry.accounts as a"
    " join registry.nodes as n using (node_id) where a.status in ('error', 'limited') and n.status <> 'offline'"
    ' group by 1, 2 order by 3 desc, 1, a.status_reason collate "C" nulls first limit :most'
)
_USERS = text("select distinct user_id from registry.accounts where user_id is not null order by user_id limit :most")
_NODES = text("select status, count(*) as nodes from registry.nodes group by 1")

_CONDITIONS = {
    "node_id": "a.node_id = :node_id",
    "status": f"{_SHOWN_STATUS} = any(cast(:status as text[]))",
    "source": "n.source = :source",
    "script_id": "a.script_id = :script_id",
    "label": "n.labels ->> :label_name = :label",
    "reason": "n.status <> 'offline' and a.status_reason = :reason",
    "q": "(a.account_id ilike :q or a.node_id ilike :q or a.script_id ilike :q or a.session_file ilike :q)",
}


# What a row is sorted by, and the type that a place's value has there. Text compares as bytes, as in Python.
_KEYS = {
    AccountSort.ACCOUNT: ("a.account_id", "text"),
    AccountSort.STATUS: (f'({_SHOWN_STATUS}) collate "C"', "text"),
    AccountSort.SCRIPT: ("coalesce(a.script_id, '') collate \"C\"", "text"),
    AccountSort.MESSAGES: ("a.message_count", "bigint"),
    AccountSort.REPLIES: ("a.reply_count", "bigint"),
    AccountSort.ACTIVITY: ("coalesce(a.last_activity, '-infinity')", "timestamptz"),
}


async def page(
    connection: AsyncConnection, question: AccountQuestion, after: AccountPlace, limit: int
) -> list[AccountView]:
    """The accounts that the question asks for, after a place."""
    asked: dict[str, Any] = {
        "node_id": question.node_id,
        "status": list(question.status) or None,
        "source": question.source,
        "script_id": question.script_id,
        "label": question.label[1] if question.label else None,
        "reason": question.reason,
        "q": f"%{literal(question.q)}%" if question.q else None,
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    order = [("a.node_id", ":after_node"), ("a.account_id", ":after_account")]
    if question.sort in _KEYS:
        key, kind = _KEYS[question.sort]
        order.insert(0, (key, f"cast(cast(:after_value as text) as {kind})"))
    conditions = [_CONDITIONS[name] for name in asked]
    parameters = asked | {"limit": limit} | ({"label_name": question.label[0]} if question.label else {})
    if after.node_id:
        keys, values = (", ".join(part) for part in zip(*order, strict=True))
        conditions.append(f"({keys}) {'<' if question.descending else '>'} ({values})")
        parameters |= {"after_node": after.node_id, "after_account": after.account_id}
        parameters |= {"after_value": after.value} if question.sort in _KEYS else {}
    direction = " desc" if question.descending else ""
    where = f"where {' and '.join(conditions)} " if conditions else ""
    by = ", ".join(f"{key}{direction}" for key, _ in order)
    query = f"{_ROWS} {where}order by {by} limit :limit"
    return [_view(row) for row in await connection.execute(text(query), parameters)]


async def one(connection: AsyncConnection, account_id: str, node_id: str | None) -> AccountView | None:
    """An account, the newest row if several nodes have it."""
    row = (await connection.execute(_ONE, {"account_id": account_id, "node_id": node_id})).one_or_none()
    return None if row is None else _view(row)


async def causes(connection: AsyncConnection, most: int) -> list[CauseView]:
    """Why accounts are in error or limited, the most frequent reason first."""
    return [CauseView(**row._mapping) for row in await connection.execute(_CAUSES, {"most": most})]


async def user_ids(connection: AsyncConnection, most: int) -> list[int]:
    """The Telegram users of all accounts."""
    return list((await connection.execute(_USERS, {"most": most})).scalars())


async def summary(connection: AsyncConnection) -> AccountSummary:
    """The fleet in numbers."""
    accounts = dict.fromkeys(AccountStatus, 0)
    messages = replies = 0
    for row in await connection.execute(_SUMMARY):
        accounts[AccountStatus(row.status)] = row.accounts
        messages, replies = messages + int(row.messages), replies + int(row.replies)
    nodes = dict.fromkeys(NodeStatus, 0)
    for row in await connection.execute(_NODES):
        nodes[NodeStatus(row.status)] = row.nodes
    return AccountSummary(nodes=nodes, accounts=accounts, message_count=messages, reply_count=replies)


def _view(row: Any) -> AccountView:
    columns = {name: value for name, value in row._mapping.items() if name in AccountView.model_fields}
    if row.node_status == NodeStatus.OFFLINE:
        columns["status_reason"] = offline_reason(row.node_id, row.lease_until)
    return AccountView(**columns)
