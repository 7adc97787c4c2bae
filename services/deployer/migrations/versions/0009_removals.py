"""Orders that remove a script, and orders that say as a whole what the accounts of a node play."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table deployer.deployments add column removes boolean not null default false")
    op.execute("alter table deployer.deployments add column bindings jsonb")
    op.execute("alter table deployer.deliveries add column removes boolean not null default false")
    op.execute("alter table deployer.desired add column removes boolean not null default false")


def downgrade() -> None:
    op.execute("alter table deployer.desired drop column removes")
    op.execute("alter table deployer.deliveries drop column removes")
    op.execute("alter table deployer.deployments drop column bindings")
    op.execute("alter table deployer.deployments drop column removes")
