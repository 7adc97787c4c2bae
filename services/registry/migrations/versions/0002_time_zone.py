"""The time zone of a node, for maintenance windows."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table registry.nodes add column time_zone text")


def downgrade() -> None:
    op.execute("alter table registry.nodes drop column time_zone")
