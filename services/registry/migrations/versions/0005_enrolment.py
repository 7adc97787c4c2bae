"""Enrolment: one-time tokens, the keys of nodes that joined, and the deployer's keys."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# No secret is in these tables, only hashes of long random ones.
ENROLMENTS = """
create table registry.enrolments (
    enrolment_id text primary key,
    token_hash text not null unique,
    node_id text collate "C",
    labels jsonb not null,
    created_by text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    used_sealing_key text,
    used_signing_key text,
    used_node_id text collate "C"
)
"""

# Apart from `nodes`, whose rows are written with every beat.
NODE_KEYS = """
create table registry.node_keys (
    node_id text collate "C" primary key,
    sealing_key text not null,
    signing_key text not null,
    broker_hash text not null,
    token_hash text not null unique,
    enrolment_id text not null,
    enrolled_at timestamptz not null,
    changed_at timestamptz not null,
    revoked_at timestamptz,
    revoked_by text
)
"""

# One row: the newest that the deployer has announced.
DEPLOYER_KEYS = """
create table registry.deployer_keys (
    only_one boolean primary key default true check (only_one),
    serial bigint not null,
    body text not null
)
"""


def upgrade() -> None:
    for statement in (ENROLMENTS, NODE_KEYS, DEPLOYER_KEYS):
        op.execute(statement)
    op.execute("alter table registry.nodes add column keys_serial bigint, add column refused text")


def downgrade() -> None:
    op.execute("alter table registry.nodes drop column keys_serial, drop column refused")
    for table in ("deployer_keys", "node_keys", "enrolments"):
        op.execute(f"drop table registry.{table}")
