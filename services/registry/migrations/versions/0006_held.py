"""Until when a start on another machine waits for the one before it."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table registry.nodes add column held_until timestamptz")


def downgrade() -> None:
    op.execute("alter table registry.nodes drop column held_until")
