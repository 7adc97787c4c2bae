"""The deployer's own keys, sealed, and what nodes trust by which serial."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEYS = """
create table deployer.keys (
    key_id text primary key,
    purpose text not null,
    state text not null,
    public bytea not null,
    sealed bytea not null,
    created_at timestamptz not null,
    changed_at timestamptz not null
)
"""

SETS = """
create table deployer.key_sets (
    serial bigint primary key,
    signing text[] not null,
    vault text not null,
    created_at timestamptz not null
)
"""


def upgrade() -> None:
    op.execute(KEYS)
    op.execute(SETS)
    op.execute("alter table deployer.nodes add column keys_serial bigint")


def downgrade() -> None:
    op.execute("alter table deployer.nodes drop column keys_serial")
    for table in ("key_sets", "keys"):
        op.execute(f"drop table deployer.{table}")
