"""Rollouts: groups, policies and plans of deployments; deliveries that are held back; time zones of nodes."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Defaults that are constants rewrite no table, and the deployer that still runs may go on inserting.
DEPLOYMENTS = """
alter table deployer.deployments
    add column rollout jsonb not null default '{}',
    add column progress jsonb not null default '{}',
    add column reason text,
    add column plan_hash text,
    add column ordered_at timestamptz,
    add column deadline_at timestamptz,
    add column next_look_at timestamptz,
    add column open_ended boolean not null default false,
    add column retry_of text collate "C",
    add column rollback_of text collate "C"
"""

# A deployment that was made before is one group, all of it released.
OLD_DEPLOYMENTS = """
update deployer.deployments set ordered_at = created_at, progress = jsonb_build_object(
    'groups', jsonb_build_array(jsonb_build_object('size', total, 'held', 0, 'totals', totals)))
"""

DELIVERIES = """
alter table deployer.deliveries
    add column group_no integer not null default 1,
    add column zone text,
    add column limits jsonb,
    add column released boolean not null default true,
    add column entered_at timestamptz not null default now()
"""

NODES = "alter table deployer.nodes add column time_zone text"

PLAN_ENTRIES = """
create table deployer.plan_entries (
    deployment_id text collate "C" not null references deployer.deployments (id),
    group_no integer not null,
    node_id text collate "C" not null,
    entry jsonb not null,
    primary key (deployment_id, group_no, node_id)
)
"""

INDEXES = (
    "create index deployments_to_look_at on deployer.deployments (next_look_at) where next_look_at is not null",
    "create index deployments_open_ended on deployer.deployments (script_id) where open_ended",
    "create index deliveries_held on deployer.deliveries (deployment_id, group_no, node_id) "
    "where not final and not released",
)


def upgrade() -> None:
    for statement in (DEPLOYMENTS, OLD_DEPLOYMENTS, DELIVERIES, NODES, PLAN_ENTRIES, *INDEXES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table deployer.plan_entries")
    op.execute("drop index deployer.deliveries_held")
    op.execute("alter table deployer.nodes drop column time_zone")
    for column in ("group_no", "zone", "limits", "released", "entered_at"):
        op.execute(f"alter table deployer.deliveries drop column {column}")
    for column in (
        "rollout", "progress", "reason", "plan_hash", "ordered_at", "deadline_at", "next_look_at", "open_ended",
        "retry_of", "rollback_of",
    ):  # fmt: skip
        op.execute(f"alter table deployer.deployments drop column {column}")
