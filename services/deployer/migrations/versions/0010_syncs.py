"""Orders to hand a login's present state back now, and the states that the registry says are on their way."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Of each account the newest order. Not of a session's row: a login of a node's folder may be asked for, too.
SYNCS = """
create table deployer.session_syncs (
    account_id text collate "C" primary key,
    sync_id text not null,
    node_id text collate "C" not null,
    epoch bigint not null,
    asked_at timestamptz not null,
    by_whom text,
    answered_at timestamptz,
    version integer,
    hash text,
    problem text
)
"""

# What the node before this one has handed back, as the registry said when this one wanted the login.
AWAITS = "alter table deployer.session_holders add column awaits text"


def upgrade() -> None:
    op.execute(SYNCS)
    op.execute(AWAITS)


def downgrade() -> None:
    op.execute("alter table deployer.session_holders drop column awaits")
    op.execute("drop table deployer.session_syncs")
