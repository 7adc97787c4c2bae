"""Servers that are reached by SSH, their sealed logins, and installations of the agent there."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SERVERS = """
create table deployer.servers (
    server_id text collate "C" primary key,
    host text not null,
    port integer not null,
    user_name text not null,
    login text not null,
    directory text not null,
    node_id text collate "C",
    link boolean not null,
    state text not null,
    public_key text not null,
    fingerprint text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
)
"""

# A table of its own: whoever reads servers never has a login in hand.
LOGINS = """
create table deployer.server_logins (
    server_id text collate "C" primary key references deployer.servers (server_id) on delete cascade,
    sealed bytea not null
)
"""

INSTALLATIONS = """
create table deployer.server_installations (
    server_id text collate "C" primary key references deployer.servers (server_id) on delete cascade,
    state text not null,
    step text not null,
    version text not null,
    started_at timestamptz not null,
    deadline_at timestamptz not null,
    finished_at timestamptz,
    detail text,
    trouble text
)
"""

# Two links of one node would take each other's messages.
ONE_LINK = "create unique index servers_link on deployer.servers (node_id) where link"


def upgrade() -> None:
    for statement in (SERVERS, LOGINS, INSTALLATIONS, ONE_LINK):
        op.execute(statement)


def downgrade() -> None:
    for table in ("server_installations", "server_logins", "servers"):
        op.execute(f"drop table deployer.{table}")
