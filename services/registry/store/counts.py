"""The `account_counts` table: what an account heard and sent in each hour, as far as it was looked at.

A row has the counters as they stood before the hour (`_base`) and at the last look within it. Only accounts whose
counters have moved get a row for an hour, so a quiet fleet costs one look-up an account and writes nothing. An account
that is looked at for the first time, or whose last hour was forgotten, gets one in which nothing happened: it is not
told. Counters that fell (the account came to a new ledger) count from nothing.
"""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.views import CountView

_HOUR = "date_trunc('hour', now(), 'UTC')"
# Of a table that is still empty the planner thinks that it may as well be read whole, for each account; and it grows
# under the statement: 74 s for the first look at a hundred thousand accounts, 1.5 s by the index. Ends with the
# transaction.
_BY_INDEX = text("select set_config('enable_seqscan', 'off', true)")
# The lateral join is one index look-up an account: a third of a second for a hundred thousand that are quiet.
_TAKE = text(
    "insert into registry.account_counts as c"
    " (node_id, account_id, hour, message_base, reply_base, message_count, reply_count)"
    f" select a.node_id, a.account_id, {_HOUR},"
    " least(coalesce(l.message_count, a.message_count), a.message_count),"
    " least(coalesce(l.reply_count, a.reply_count), a.reply_count), a.message_count, a.reply_count"
    " from registry.accounts as a left join lateral ("
    "  select message_count, reply_count from registry.account_counts as k"
    "  where k.node_id = a.node_id and k.account_id = a.account_id order by k.hour desc limit 1"
    " ) as l on true"
    " where (l.message_count, l.reply_count) is distinct from (a.message_count, a.reply_count)"
    " on conflict (node_id, account_id, hour) do update set"
    " message_count = excluded.message_count, reply_count = excluded.reply_count,"
    " message_base = least(c.message_base, excluded.message_count),"
    " reply_base = least(c.reply_base, excluded.reply_count)"
)
_PRUNE = text(
    "delete from registry.account_counts where ctid = any(array("
    " select ctid from registry.account_counts where hour < now() - cast(:age as interval) limit :most))"
)
_HISTORY = text(
    "select hour, sum(message_count - message_base)::bigint as messages, sum(reply_count - reply_base)::bigint"
    " as replies from registry.account_counts where account_id = :account_id"
    " and (cast(:node_id as text) is null or node_id = :node_id) group by hour"
    " having sum(message_count - message_base) > 0 or sum(reply_count - reply_base) > 0 order by hour desc limit :limit"
)


async def take(connection: AsyncConnection) -> int:
    """Look at all counters; how many rows were written."""
    await connection.execute(_BY_INDEX)
    return (await connection.execute(_TAKE)).rowcount


async def prune(connection: AsyncConnection, older_than: timedelta, most: int) -> int:
    """Delete old hours, at most so many."""
    return (await connection.execute(_PRUNE, {"age": older_than, "most": most})).rowcount


async def history(connection: AsyncConnection, account_id: str, node_id: str | None, limit: int) -> list[CountView]:
    """An account's hours, newest first."""
    parameters = {"account_id": account_id, "node_id": node_id, "limit": limit}
    return [CountView(**row._mapping) for row in await connection.execute(_HISTORY, parameters)]
