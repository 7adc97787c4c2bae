"""Scripts and their versions, deployments, deliveries, the projection of the nodes, the outbox."""

from alembic import op

from shared.db.outbox import OUTBOX_DDL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# `collate "C"`: cursors compare ids as bytes, in SQL as in Python, whatever the database's language is.
SCRIPTS = """
create table deployer.scripts (
    script_id text collate "C" primary key,
    latest_version integer not null,
    created_at timestamptz not null
)
"""

SCRIPT_VERSIONS = """
create table deployer.script_versions (
    script_id text collate "C" not null references deployer.scripts (script_id),
    version integer not null,
    hash text not null,
    title text not null,
    size integer not null,
    body text not null,
    created_at timestamptz not null,
    primary key (script_id, version),
    unique (script_id, hash)
)
"""

DEPLOYMENTS = """
create table deployer.deployments (
    id text collate "C" primary key,
    script_id text collate "C" not null,
    version integer not null,
    hash text not null,
    bind jsonb,
    targets jsonb not null,
    state text not null,
    total integer not null,
    totals jsonb not null,
    created_at timestamptz not null,
    finished_at timestamptz,
    foreign key (script_id, version) references deployer.script_versions (script_id, version)
) with (fillfactor = 50)
"""

DELIVERIES = """
create table deployer.deliveries (
    id text collate "C" primary key,
    deployment_id text collate "C" not null references deployer.deployments (id),
    node_id text collate "C" not null,
    script_id text collate "C" not null,
    version integer not null,
    hash text not null,
    state text not null,
    final boolean not null
        generated always as (state in ('verified', 'failed', 'timed_out', 'superseded', 'canceled')) stored,
    reason text,
    cause text,
    attempts integer not null,
    failed_attempts jsonb not null,
    reported_hash text,
    next_attempt_at timestamptz not null,
    deadline_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
) with (fillfactor = 70)
"""

NODES = """
create table deployer.nodes (
    node_id text collate "C" primary key,
    status text not null,
    labels jsonb not null,
    source text not null,
    boot bigint not null,
    seq bigint not null,
    artifacts jsonb not null,
    observed_at timestamptz not null,
    updated_at timestamptz not null default now()
) with (fillfactor = 70)
"""

INDEXES = (
    "create index script_versions_by_hash on deployer.script_versions (hash)",
    "create index deployments_by_time on deployer.deployments (created_at desc, id desc)",
    "create index deployments_by_script on deployer.deployments (script_id, created_at desc)",
    "create index deliveries_of_deployment on deployer.deliveries (deployment_id, node_id)",
    "create index deliveries_due on deployer.deliveries (next_attempt_at) where not final",
    # Also the rule: a node has at most one delivery of a script that is not final.
    "create unique index deliveries_open on deployer.deliveries (node_id, script_id) where not final",
)


def upgrade() -> None:
    for table in (SCRIPTS, SCRIPT_VERSIONS, DEPLOYMENTS, DELIVERIES, NODES):
        op.execute(table)
    for index in INDEXES:
        op.execute(index)
    op.execute(OUTBOX_DDL.format(schema="deployer"))


def downgrade() -> None:
    for table in ("outbox", "nodes", "deliveries", "deployments", "script_versions", "scripts"):
        op.execute(f"drop table deployer.{table}")
