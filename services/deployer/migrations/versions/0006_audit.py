"""The audit log."""

from alembic import op

from shared.audit.postgres import AUDIT_DDL

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in AUDIT_DDL:
        op.execute(statement.format(schema="deployer"))


def downgrade() -> None:
    op.execute("drop table deployer.audit")
    op.execute("drop function deployer.audit_is_append_only")
