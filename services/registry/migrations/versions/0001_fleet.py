"""The fleet: nodes, accounts, the history of account changes, the outbox."""

from alembic import op

from shared.db.outbox import OUTBOX_DDL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# `collate "C"`: cursors compare ids as bytes, in SQL as in Python, whatever the database's language is.
NODES = """
create table registry.nodes (
    node_id text collate "C" primary key,
    status text not null default 'offline',
    source text not null default 'remote',
    hostname text not null default '',
    agent_version text not null default '',
    labels jsonb not null default '{}',
    boot bigint not null default 0,
    seq bigint not null default -1,
    digest text not null default '',
    recent_digests text[] not null default '{}',
    ledger_id text,
    changes_through bigint not null default 0,
    account_count bigint not null default 0,
    artifacts jsonb not null default '[]',
    lease_until timestamptz,
    last_heartbeat_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
) with (fillfactor = 70)
"""

# No index on anything that a beat changes: such an update stays in its page and touches no index (HOT), which is
# what the intake's rate is made of. The fill factor leaves the room for it.
ACCOUNTS = """
create table registry.accounts (
    node_id text collate "C" not null references registry.nodes (node_id) on delete cascade,
    account_id text collate "C" not null,
    status text not null,
    status_reason text,
    script_id text,
    script_version integer,
    script_hash text,
    message_count bigint not null,
    reply_count bigint not null,
    last_activity timestamptz,
    session_file text,
    user_id bigint,
    boot bigint not null,
    seq bigint not null,
    change_number bigint not null default 0,
    updated_at timestamptz not null default now(),
    primary key (node_id, account_id)
) with (fillfactor = 70)
"""

CHANGES = """
create table registry.account_changes (
    node_id text collate "C" not null references registry.nodes (node_id) on delete cascade,
    ledger_id text not null,
    number bigint not null,
    account_id text collate "C" not null,
    previous_status text,
    status text not null,
    reason text,
    at timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (node_id, ledger_id, number)
)
"""


def upgrade() -> None:
    op.execute(NODES)
    op.execute("create index nodes_by_lease on registry.nodes (node_id) where status = 'online'")
    op.execute(ACCOUNTS)
    op.execute("create index accounts_by_id on registry.accounts (account_id)")
    op.execute(CHANGES)
    op.execute("create index changes_by_account on registry.account_changes (account_id, at desc)")
    op.execute(OUTBOX_DDL.format(schema="registry"))


def downgrade() -> None:
    for table in ("outbox", "account_changes", "accounts", "nodes"):
        op.execute(f"drop table registry.{table}")
