"""The audit log in PostgreSQL: a table that takes rows and gives none back.

Rows are linked one after the other under an advisory lock, because each needs the hash of the one before. Triggers
refuse UPDATE, DELETE and TRUNCATE to everyone; who may switch a trigger off can still alter a row, and the chain then
shows where. There is no clean-up: what it keeps, and for how long, is the operator's to decide.
"""

import json
import zlib
from typing import Any

import structlog
from sqlalchemy import text

from shared.audit.chain import Entry, Head, Phase, Row, linked
from shared.audit.log import Question
from shared.db.engine import Database

log = structlog.get_logger(__name__)

# For migrations, statement by statement: the driver takes one at a time.
AUDIT_DDL = (
    """
create table {schema}.audit (
    number bigint primary key,
    at timestamptz not null,
    phase text not null,
    request_id text not null,
    actor text not null,
    role text,
    method text not null,
    route text not null,
    path text not null,
    subject jsonb not null,
    fields jsonb not null,
    status integer,
    problem text,
    body_hash text,
    address text,
    hash text not null
)
""",
    "create index audit_by_actor on {schema}.audit (actor, number)",
    "create index audit_by_request on {schema}.audit (request_id)",
    """
create function {schema}.audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end
$$
""",
    """
create trigger append_only before update or delete or truncate on {schema}.audit
for each statement execute function {schema}.audit_is_append_only()
""",
)

_COLUMNS = (
    "number, at, phase, request_id, actor, role, method, route, path, subject, fields, status, problem, body_hash, "
    "address, hash"
)
_LOCK = text("select pg_advisory_xact_lock(:key)")


class PostgresAuditLog:
    """The chain of one schema."""

    def __init__(self, schema: str, database: Database) -> None:
        self.service = schema
        self._database = database
        self._key = zlib.crc32(f"{schema} audit".encode())
        # A statement of its own after the lock: it sees what was committed before the lock was given.
        self._head = text(
            "select clock_timestamp() as at, newest.number, newest.hash from (select 1) as one "
            f"left join (select number, hash from {schema}.audit order by number desc limit 1) as newest on true"
        )
        self._insert = text(
            f"insert into {schema}.audit ({_COLUMNS}) values (:number, :at, :phase, :request_id, :actor, :role, "
            ":method, :route, :path, cast(:subject as jsonb), cast(:fields as jsonb), :status, :problem, :body_hash, "
            ":address, :hash)"
        )
        self._table = f"{schema}.audit"

    async def write(self, entry: Entry) -> Row:
        """Append a row; it is committed when this returns. Raises Unavailable."""
        async with self._database.begin() as connection:
            await connection.execute(_LOCK, {"key": self._key})
            found = (await connection.execute(self._head)).one()
            head = Head() if found.number is None else Head(found.number, found.hash)
            row = linked(entry, self.service, head, found.at)
            await connection.execute(self._insert, _values(row))
        # The newest hash in the logs is what shows that rows at the end were taken away.
        log.info("audited", number=row.number, hash=row.hash, phase=row.phase.value, request=row.request_id)
        return row

    async def page(self, question: Question, limit: int) -> list[Row]:
        """Rows. Raises Unavailable."""
        order, beyond = ("desc", "<") if question.newest_first else ("asc", ">")
        asked: dict[str, Any] = {
            f"number {beyond} :place": ("place", question.place),
            "actor = :actor": ("actor", question.actor),
            "phase = :phase": ("phase", question.phase),
            "request_id = :request_id": ("request_id", question.request_id),
            "at >= :since": ("since", question.since),
        }
        given = {condition: value for condition, value in asked.items() if value[1] is not None}
        where = f"where {' and '.join(given)}" if given else ""
        query = text(f"select {_COLUMNS} from {self._table} {where} order by number {order} limit :limit")
        async with self._database.begin() as connection:
            found = await connection.execute(query, {**dict(given.values()), "limit": limit})
            return [_row(self.service, one) for one in found]


def _values(row: Row) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _COLUMNS.split(", ")}
    return values | {"phase": row.phase.value, "subject": json.dumps(row.subject), "fields": json.dumps(row.fields)}


def _row(service: str, found: Any) -> Row:
    return Row(service=service, **{**found._mapping, "phase": Phase(found.phase)})
