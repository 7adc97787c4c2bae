"""Until when what an account heard may have been answered elsewhere, and how much of that was left unanswered."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table registry.assignments add column silent_before timestamptz")
    op.execute("alter table registry.accounts add column uncertain_count bigint not null default 0")


def downgrade() -> None:
    op.execute("alter table registry.accounts drop column uncertain_count")
    op.execute("alter table registry.assignments drop column silent_before")
