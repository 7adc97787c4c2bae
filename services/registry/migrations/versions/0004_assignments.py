"""Assignments: which node runs which account, in which epoch; what nodes are told, and what operators want of them.

Accounts that are there already are claimed for their nodes by the registry itself, as if they had just been reported.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# The digest of a set without accounts, as `assignments_digest` makes it.
NOTHING_ASSIGNED = "cae66941d9efbd404e4d88758ea67670"

NODES = f"""
alter table registry.nodes
    add column takes_assignments boolean not null default false,
    add column assignment_revision bigint not null default 0,
    add column assignment_digest text not null default '{NOTHING_ASSIGNED}',
    add column excluded text[] not null default '{{}}',
    add column takeover text not null default 'wait',
    add column capacity integer,
    add column draining boolean not null default false,
    add column drain_keep text[] not null default '{{}}'
"""

ACCOUNTS = """
alter table registry.accounts
    add column epoch bigint,
    add column session_version bigint
"""

ASSIGNMENTS = """
create table registry.assignments (
    account_id text collate "C" primary key,
    state text not null default 'unassigned',
    epoch bigint not null default 0,
    node_id text collate "C" references registry.nodes (node_id),
    target text collate "C" references registry.nodes (node_id),
    origin text not null default 'folder',
    handed_back text,
    in_vault text,
    vault_at timestamptz,
    told_in bigint not null default 0,
    adopted boolean not null default false,
    takeover text,
    reason text,
    since timestamptz,
    constraint has_a_node check ((state = 'unassigned') = (node_id is null)),
    constraint target_waits check (target is null or state = 'releasing')
)
"""


def upgrade() -> None:
    op.execute(NODES)
    op.execute(ACCOUNTS)
    op.execute(ASSIGNMENTS)
    op.execute("create index assignments_by_node on registry.assignments (node_id) where node_id is not null")
    op.execute("create index assignments_by_target on registry.assignments (target) where target is not null")
    op.execute("create index nodes_draining on registry.nodes (node_id) where draining")


def downgrade() -> None:
    op.execute("drop table registry.assignments")
    op.execute("alter table registry.accounts drop column epoch, drop column session_version")
    op.execute(
        "alter table registry.nodes drop column takes_assignments, "
        "drop column assignment_revision, drop column assignment_digest, drop column excluded, drop column takeover, "
        "drop column capacity, drop column draining, drop column drain_keep"
    )
