"""What accounts heard and sent in each hour, and what nodes tell of their machines."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COUNTS = """
create table registry.account_counts (
    node_id text collate "C" not null references registry.nodes (node_id) on delete cascade,
    account_id text collate "C" not null,
    hour timestamptz not null,
    message_base bigint not null,
    reply_base bigint not null,
    message_count bigint not null,
    reply_count bigint not null,
    primary key (node_id, account_id, hour)
)
"""


def upgrade() -> None:
    op.execute("alter table registry.nodes add column resources jsonb")
    op.execute(COUNTS)
    # Hours come in their order, so what is old lies together.
    op.execute("create index counts_by_hour on registry.account_counts using brin (hour)")


def downgrade() -> None:
    op.execute("drop table registry.account_counts")
    op.execute("alter table registry.nodes drop column resources")
