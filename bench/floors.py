"""The floors of the intake: what PostgreSQL alone does with the same rows, and what the naive way does.

`bare_upsert` is one asyncpg connection with `unnest` and 1,000 rows a statement, nothing else on the machine.
`naive` is the way that a first draft takes: for each account a select, then an ORM insert or update, a commit for
every hundred.
"""

import time
from datetime import UTC, datetime

import asyncpg
from sqlalchemy import DateTime, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ROWS_A_STATEMENT = 1_000

_TABLE = """
create table {name} (
    node_id text not null, account_id text not null, status text not null, status_reason text,
    script_id text, script_version int, script_hash text, message_count bigint not null,
    reply_count bigint not null, last_activity timestamptz, session_file text, boot bigint not null,
    seq bigint not null, updated_at timestamptz not null default now(), primary key (node_id, account_id))
"""
_UPSERT = """
insert into floor_accounts (node_id, account_id, status, script_id, script_version, script_hash, message_count,
    reply_count, last_activity, session_file, boot, seq)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::bigint[], $8::bigint[],
    $9::timestamptz[], $10::text[], $11::bigint[], $12::bigint[])
on conflict (node_id, account_id) do update set status = excluded.status, script_id = excluded.script_id,
    script_version = excluded.script_version, script_hash = excluded.script_hash,
    message_count = excluded.message_count, reply_count = excluded.reply_count,
    last_activity = excluded.last_activity, session_file = excluded.session_file, boot = excluded.boot,
    seq = excluded.seq, updated_at = now()
where (floor_accounts.boot, floor_accounts.seq) < (excluded.boot, excluded.seq)
"""
_HASH = "sha256:" + "ab" * 32


async def bare_upsert(dsn: str, nodes: int, accounts: int, rounds: int) -> float:
    """Account rows a second: every account of every node, once a round, each round newer than the last."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("drop table if exists floor_accounts")
        await connection.execute(_TABLE.format(name="floor_accounts"))
        statement = await connection.prepare(_UPSERT)
        keys = [(f"node-{node}", f"account-{account}") for node in range(nodes) for account in range(accounts)]
        started = time.perf_counter()
        for seq in range(1, rounds + 1):
            for start in range(0, len(keys), ROWS_A_STATEMENT):
                await statement.fetch(*_columns(keys[start : start + ROWS_A_STATEMENT], seq))
        return rounds * len(keys) / (time.perf_counter() - started)
    finally:
        await connection.close()


def _columns(keys: list[tuple[str, str]], seq: int) -> list[list[object]]:
    now, many = datetime.now(UTC), len(keys)
    return [
        [node for node, _ in keys],
        [account for _, account in keys],
        ["online"] * many,
        ["welcome-desk"] * many,
        [1] * many,
        [_HASH] * many,
        [seq * 10] * many,
        [seq * 3] * many,
        [now] * many,
        ["account.session"] * many,
        [1] * many,
        [seq] * many,
    ]


class _Base(DeclarativeBase):
    pass


class _NaiveAccount(_Base):
    __tablename__ = "naive_accounts"

    node_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    script_id: Mapped[str | None]
    message_count: Mapped[int]
    reply_count: Mapped[int]
    last_activity: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    session_file: Mapped[str | None]


async def naive(url: str, nodes: int, accounts: int) -> float:
    """Account rows a second the naive way, each account once as an insert and once as an update."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(_Base.metadata.drop_all)
        await connection.run_sync(_Base.metadata.create_all)
    started = time.perf_counter()
    for seq in (1, 2):
        for node in range(nodes):
            async with AsyncSession(engine) as session:
                for account in range(accounts):
                    await _save_naively(session, f"node-{node}", f"account-{account}", seq)
                await session.commit()
    rate = 2 * nodes * accounts / (time.perf_counter() - started)
    await engine.dispose()
    return rate


async def _save_naively(session: AsyncSession, node_id: str, account_id: str, seq: int) -> None:
    query = select(_NaiveAccount).where(_NaiveAccount.node_id == node_id, _NaiveAccount.account_id == account_id)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        found = _NaiveAccount(node_id=node_id, account_id=account_id)
        session.add(found)
    found.status, found.script_id, found.session_file = "online", "welcome-desk", "account.session"
    found.message_count, found.reply_count, found.last_activity = seq * 10, seq * 3, datetime.now(UTC)
