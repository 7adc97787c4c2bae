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
# Only what the node has been told to forget may go: it would otherwise come back as new. Numbers of a ledger rise with
# time, so what is old of it is at its lower end: the index finds it without a look at the rest, however long that is.
_PRUNE = text(
    "delete from registry.account_changes where ctid = any(array("
    " select old.place from registry.nodes as n cross join lateral ("
    "  select k.number from registry.account_changes as k where k.node_id = n.node_id and k.ledger_id = n.ledger_id"
    "  order by k.number desc limit 1"
    " ) as newest left join lateral ("
    "  select k.number from registry.account_changes as k where k.node_id = n.node_id and k.ledger_id = n.ledger_id"
    "  and k.recorded_at >= now() - cast(:age as interval) order by k.number limit 1"
    " ) as young on true cross join lateral ("
    "  select k.ctid as place from registry.account_changes as k where k.node_id = n.node_id"
    "  and k.ledger_id = n.ledger_id and k.number <= least(n.changes_through, greatest("
    "   newest.number - cast(:keep as bigint), coalesce(young.number - 1, n.changes_through)))"
    "  order by k.number limit :most"
    " ) as old limit :most))"
)
# Of ledgers that a node had before: few rows, and nobody sends them again.
_PRUNE_FORMER = text(
    "delete from registry.account_changes where ctid = any(array("
    " select old.place from registry.nodes as n cross join lateral ("
    "  select k.place, k.recorded_at, row_number() over (order by k.recorded_at desc, k.number desc) as rank from ("
    "   select ctid as place, recorded_at, number from registry.account_changes"
    "   where node_id = n.node_id and ledger_id < coalesce(n.ledger_id, '') union all"
    "   select ctid, recorded_at, number from registry.account_changes"
    "   where node_id = n.node_id and ledger_id > coalesce(n.ledger_id, '')"
    "  ) as k"
    " ) as old where old.rank > :keep or old.recorded_at < now() - cast(:age as interval) limit :most))"
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


async def prune(connection: AsyncConnection, keep: int, older_than: timedelta, most: int) -> int:
    """Delete old history, about `most` entries of it."""
    asked = {"keep": keep, "age": older_than, "most": most}
    return sum([(await connection.execute(each, asked)).rowcount for each in (_PRUNE, _PRUNE_FORMER)])


async def history(connection: AsyncConnection, account_id: str, node_id: str | None, limit: int) -> list[ChangeView]:
    """An account's changes, newest first."""
    parameters = {"account_id": account_id, "node_id": node_id, "limit": limit}
    return [ChangeView(**row._mapping) for row in await connection.execute(_HISTORY, parameters)]
