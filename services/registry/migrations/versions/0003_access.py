"""Tokens, and the audit log."""

from alembic import op

from shared.audit.postgres import AUDIT_DDL

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


TOKENS = (
    """
create table registry.tokens (
    id text collate "C" primary key,
    name text collate "C" not null,
    role text not null,
    hash text not null unique,
    created_at timestamptz not null default now(),
    created_by text not null,
    ends_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    revoked_by text
)
""",
    "create unique index tokens_by_living_name on registry.tokens (name) where revoked_at is null",
    "create index tokens_by_name on registry.tokens (name, id)",
)


def upgrade() -> None:
    for statement in (*TOKENS, *AUDIT_DDL):
        op.execute(statement.format(schema="registry"))


def downgrade() -> None:
    for statement in ("table registry.audit", "function registry.audit_is_append_only", "table registry.tokens"):
        op.execute(f"drop {statement}")
