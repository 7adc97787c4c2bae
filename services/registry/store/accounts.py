"""The `accounts` table: writing what nodes report, and telling what really changed.

One statement writes up to a thousand rows: it looks at the rows before (`before`), puts the newer ones in place, and
returns the positions of those whose state or whose counters changed. Looking before writing is exact because the
writer holds the locks of the nodes. A thousand rows a statement is where PostgreSQL's rate stops growing.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.accounts import AccountGroup, FullReport, Removal, Written
from services.registry.domain.ports import AccountKey
from services.registry.store.columns import instants, numbers, texts, unnest
from shared.contracts.accounts import AccountReport

ROWS_PER_STATEMENT = 1_000

_COLUMNS = {
    "node_id": "text",
    "account_id": "text",
    "status": "text",
    "status_reason": "text",
    "script_id": "text",
    "script_version": "int",
    "script_hash": "text",
    "session_file": "text",
    "user_id": "bigint",
    "epoch": "bigint",
    "session_version": "bigint",
    "message_count": "bigint",
    "reply_count": "bigint",
    "uncertain_count": "bigint",
    "last_activity": "timestamptz",
    "boot": "bigint",
    "seq": "bigint",
    "change_number": "bigint",
}
_STATE = (
    "status",
    "status_reason",
    "script_id",
    "script_version",
    "script_hash",
    "session_file",
    "user_id",
    "epoch",
    "session_version",
)
_COUNTERS = ("message_count", "reply_count", "uncertain_count", "last_activity")
_ORIGIN = ("boot", "seq", "change_number")
_NAMES = ", ".join(_COLUMNS)


def _row(table: str, columns: Iterable[str]) -> str:
    return "(" + ", ".join(f"{table}.{column}" for column in columns) + ")"


# The lateral join with its limit keeps the planner to one index look-up a row; left to itself it may read the whole
# table for a thousand rows.
_WRITE = text(f"""
with incoming as materialized (
    select * from {unnest(_COLUMNS)} with ordinality as incoming ({_NAMES}, place)
), before as materialized (
    select incoming.place,
        stored.account_id is null or {_row("stored", _STATE)} is distinct from {_row("incoming", _STATE)} as changed,
        stored.account_id is null or stored.epoch is distinct from incoming.epoch as placed,
        {_row("stored", _COUNTERS)} is distinct from {_row("incoming", _COUNTERS)} as counted
    from incoming left join lateral (
        select * from registry.accounts as a
        where a.node_id = incoming.node_id and a.account_id = incoming.account_id limit 1
    ) as stored on true
    where stored.account_id is null or {_row("stored", _ORIGIN)} < {_row("incoming", _ORIGIN)}
), written as (
    insert into registry.accounts as a ({_NAMES}) select {_NAMES} from incoming
    on conflict (node_id, account_id) do update set
        {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in ("node_id", "account_id"))},
        updated_at = now()
    where {_row("a", _ORIGIN)} < {_row("excluded", _ORIGIN)}
)
select coalesce(array_agg(cast(place as int)) filter (where changed), '{{}}') as changed,
    coalesce(array_agg(cast(place as int)) filter (where counted and not changed), '{{}}') as counted,
    coalesce(array_agg(cast(place as int)) filter (where placed), '{{}}') as placed
from before
""")

_REMOVALS = {"node_id": "text", "account_id": "text", "boot": "bigint", "seq": "bigint"}
_REMOVE = text(
    f"delete from registry.accounts as a using {unnest(_REMOVALS)} as gone (node_id, account_id, boot, seq) "
    "where a.node_id = gone.node_id and a.account_id = gone.account_id "
    "and (a.boot, a.seq) <= (gone.boot, gone.seq) returning a.node_id, a.account_id"
)
_FULL = {"node_id": "text", "boot": "bigint", "seq": "bigint"}
_REMOVE_UNLISTED = text(
    f"delete from registry.accounts as a using {unnest(_FULL)} as report (node_id, boot, seq) "
    "where a.node_id = report.node_id and (a.boot, a.seq) < (report.boot, report.seq) "
    "returning a.node_id, a.account_id"
)
_KNOWN = text(
    f"select a.node_id, a.account_id from {unnest({'node_id': 'text', 'account_id': 'text'})} "
    "as wanted (node_id, account_id) join registry.accounts as a using (node_id, account_id)"
)


async def write(connection: AsyncConnection, groups: Sequence[AccountGroup]) -> Written:
    """Write rows of higher origin, a thousand a statement."""
    reports = [report for group in groups for report in group.reports]
    origins = [group for group in groups for _ in group.reports]
    written = Written()
    for start in range(0, len(reports), ROWS_PER_STATEMENT):
        end = start + ROWS_PER_STATEMENT
        row = (await connection.execute(_WRITE, _columns(origins[start:end], reports[start:end]))).one()
        # SQL counts from 1 within the statement.
        written.changed.update(start + place - 1 for place in row.changed)
        written.counted.update(start + place - 1 for place in row.counted)
        written.placed.update(start + place - 1 for place in row.placed)
    return written


async def remove(connection: AsyncConnection, removals: Sequence[Removal]) -> list[AccountKey]:
    """Delete accounts that their nodes let go."""
    if not removals:
        return []
    parameters = {
        "node_id": texts([removal.node_id for removal in removals]),
        "account_id": texts([removal.account_id for removal in removals]),
        "boot": numbers([removal.boot for removal in removals]),
        "seq": numbers([removal.seq for removal in removals]),
    }
    return [(row.node_id, row.account_id) for row in await connection.execute(_REMOVE, parameters)]


async def remove_unlisted(connection: AsyncConnection, full: Sequence[FullReport]) -> list[AccountKey]:
    """Delete what full reports no longer list: the rows that they left older than themselves."""
    if not full:
        return []
    parameters = {
        "node_id": texts([report.node_id for report in full]),
        "boot": numbers([report.boot for report in full]),
        "seq": numbers([report.seq for report in full]),
    }
    return [(row.node_id, row.account_id) for row in await connection.execute(_REMOVE_UNLISTED, parameters)]


async def known(connection: AsyncConnection, keys: Iterable[AccountKey]) -> set[AccountKey]:
    """Which of these accounts have a row."""
    wanted = list(keys)
    parameters = {
        "node_id": texts([node_id for node_id, _ in wanted]),
        "account_id": texts([account_id for _, account_id in wanted]),
    }
    return {(row.node_id, row.account_id) for row in await connection.execute(_KNOWN, parameters)}


def _columns(origins: Sequence[AccountGroup], reports: Sequence[AccountReport]) -> dict[str, str]:
    # Column by column and without an object for each row: this is the hottest Python of the registry.
    return {
        "node_id": texts([origin.node_id for origin in origins]),
        "account_id": texts([report.account_id for report in reports]),
        "status": texts([report.status for report in reports]),
        "status_reason": texts([report.status_reason for report in reports]),
        "script_id": texts([report.script_id for report in reports]),
        "script_version": numbers([report.script_version for report in reports]),
        "script_hash": texts([report.script_hash for report in reports]),
        "session_file": texts([report.session_file for report in reports]),
        "user_id": numbers([report.user_id for report in reports]),
        "epoch": numbers([report.epoch for report in reports]),
        "session_version": numbers([report.session_version for report in reports]),
        "message_count": numbers([report.message_count for report in reports]),
        "reply_count": numbers([report.reply_count for report in reports]),
        "uncertain_count": numbers([report.uncertain_count for report in reports]),
        "last_activity": instants([report.last_activity for report in reports]),
        "boot": numbers([origin.boot for origin in origins]),
        "seq": numbers([origin.seq for origin in origins]),
        "change_number": numbers([origin.number for origin in origins]),
    }
