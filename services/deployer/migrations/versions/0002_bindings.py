"""What was ordered to be played on each node, by account."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BINDINGS = """
create table deployer.bindings (
    node_id text collate "C" primary key,
    bindings jsonb not null
) with (fillfactor = 70)
"""


def upgrade() -> None:
    op.execute(BINDINGS)


def downgrade() -> None:
    op.execute("drop table deployer.bindings")
