"""The `account_changes` table: each change of a node's ledger exactly once, and how far its numbers are unbroken."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.views import ChangeView
from services.registry.store.columns import instants, numbers, texts, unnest
from shared.contracts.accounts import AccountChanged

_COLUMNS = {
    "node_id": "text",
    "ledger_id": "text",
    "number": "bigint",
    "account_id": "text",
    "previous_status": "text",
    "status": "text",
    "reason": "text",
    "at": "timestamptz",
}
_ADD = text(
    f"insert into registry.account_changes ({', '.join(_COLUMNS)}) select * from {unnest(_COLUMNS)} "
    "on conflict (node_id, ledger_id, number) do nothing"
)
# In an unbroken run each number is the start plus its rank; at the first hole the rank falls behind for good.
_ADVANCE = text(
    "update registry.nodes as n set changes_through = run.through from ("
    " select ranked.node_id, max(ranked.number) as through from ("
    "  select m.node_id, m.changes_through, c.number,"
    "  row_number() over (partition by m.node_id order by c.number) as rank"
    "  from registry.nodes as m join registry.account_changes as c"
    "  on c.node_id = m.node_id and c.ledger_id = m.ledger_id and c.number > m.changes_through"
    "  where m.node_id = any(:ids)"
    " ) as ranked where ranked.number = ranked.changes_through + ranked.rank group by ranked.node_id"
    ") as run where n.node_id = run.node_id returning n.node_id, n.changes_through"
)
# Only what the node has been told to forget may go: it would otherwise come back as new.
_PRUNE = text(
    "delete from registry.account_changes as c using ("
    " select h.node_id, h.ledger_id, h.number from ("
    "  select node_id, ledger_id, number, recorded_at,"
    "  row_number() over (partition by node_id order by recorded_at desc, number desc) as rank"
    "  from registry.account_changes"
    " ) as h join registry.nodes as n using (node_id)"
    " where (h.rank > :keep or h.recorded_at < now() - cast(:age as interval))"
    " and (n.ledger_id is distinct from h.ledger_id or h.number <= n.changes_through)"
    ") as old where (c.node_id, c.ledger_id, c.number) = (old.node_id, old.ledger_id, old.number)"
)
_HISTORY = text(
    "select node_id, number, previous_status, status, reason, at, recorded_at from registry.account_changes "
    "where account_id = :account_id and (cast(:node_id as text) is null or node_id = :node_id) "
    "order by at desc, number desc limit :limit"
)


async def add(connection: AsyncConnection, changes: Sequence[AccountChanged]) -> None:
    """Put changes in the history."""
    if not changes:
        return
    parameters = {
        "node_id": texts([change.node_id for change in changes]),
        "ledger_id": texts([change.ledger_id for change in changes]),
        "number": numbers([change.number for change in changes]),
        "account_id": texts([change.account.account_id for change in changes]),
        "previous_status": texts([change.previous_status for change in changes]),
        "status": texts([change.account.status for change in changes]),
        "reason": texts([change.account.status_reason for change in changes]),
        "at": instants([change.at for change in changes]),
    }
    await connection.execute(_ADD, parameters)


async def advance(connection: AsyncConnection, node_ids: Iterable[str]) -> Mapping[str, int]:
    """Raise `changes_through`; only nodes for which it rose are in the answer."""
    rows = await connection.execute(_ADVANCE, {"ids": sorted(set(node_ids))})
    return {row.node_id: row.changes_through for row in rows}


async def prune(connection: AsyncConnection, keep: int, older_than: timedelta) -> int:
    """Delete old history."""
    return (await connection.execute(_PRUNE, {"keep": keep, "age": older_than})).rowcount


async def history(connection: AsyncConnection, account_id: str, node_id: str | None, limit: int) -> list[ChangeView]:
    """An account's changes, newest first."""
    parameters = {"account_id": account_id, "node_id": node_id, "limit": limit}
    return [ChangeView(**row._mapping) for row in await connection.execute(_HISTORY, parameters)]
