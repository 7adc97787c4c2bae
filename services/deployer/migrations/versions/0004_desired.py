"""What nodes should have, so that losing it afterwards is seen.

The verified deliveries there are become the first rows: the newest of each node and script.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

DESIRED = """
create table deployer.desired (
    node_id text collate "C" not null,
    script_id text collate "C" not null,
    version integer,
    hash text,
    delivery_id text collate "C",
    ordered_at timestamptz,
    attempt integer,
    policy text,
    state text not null,
    kind text,
    found jsonb,
    reason text,
    heard text,
    since timestamptz,
    repairs integer not null,
    repair_after timestamptz,
    insisted boolean not null,
    look_at timestamptz,
    primary key (node_id, script_id)
) with (fillfactor = 70)
"""

VERIFIED_BINDINGS = """
create table deployer.verified_bindings (
    node_id text collate "C" primary key,
    bindings jsonb
) with (fillfactor = 70)
"""

INDEXES = (
    "create index desired_due on deployer.desired (look_at) where look_at is not null",
    "create index desired_by_delivery on deployer.desired (delivery_id)",
    "create index desired_by_order on deployer.desired (script_id, ordered_at)",
    "create index desired_shown on deployer.desired (node_id, script_id) "
    "where state in ('drifted', 'given_up', 'newer')",
)

FIRST_ROWS = """
insert into deployer.desired
    (node_id, script_id, version, hash, delivery_id, ordered_at, attempt, policy, state, repairs, insisted)
select distinct on (node_id, script_id)
    node_id, script_id, version, hash, id, created_at, attempts, 'repair', 'in_sync', 0, false
from deployer.deliveries where state = 'verified'
order by node_id, script_id, created_at desc, id desc
"""

# Where an order that binds has not been verified, it is not known whether the node has followed it.
FIRST_BINDINGS = """
insert into deployer.verified_bindings (node_id, bindings)
select b.node_id, case when doubtful.node_id is null then b.bindings end
from deployer.bindings as b
left join (
    select distinct d.node_id from deployer.deliveries as d
    join deployer.deployments as p on p.id = d.deployment_id
    where p.bind is not null and d.state <> 'verified'
) as doubtful on doubtful.node_id = b.node_id
"""


def upgrade() -> None:
    op.execute(DESIRED)
    op.execute(VERIFIED_BINDINGS)
    op.execute(FIRST_ROWS)
    op.execute(FIRST_BINDINGS)
    for index in INDEXES:
        op.execute(index)


def downgrade() -> None:
    op.execute("drop table deployer.verified_bindings")
    op.execute("drop table deployer.desired")
