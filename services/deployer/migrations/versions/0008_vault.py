"""The vault: sessions, their versions, who had which account when, and sign-ins on nodes."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The data key is sealed under a master key, which is not in the database.
SESSIONS = """
create table deployer.sessions (
    account_id text collate "C" primary key,
    data_key bytea not null,
    latest_version integer not null,
    current_version integer not null,
    chosen_at_epoch bigint,
    synced_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
)
"""

VERSIONS = """
create table deployer.session_versions (
    account_id text collate "C" not null references deployer.sessions (account_id) on delete cascade,
    version integer not null,
    hash text not null,
    size integer not null,
    origin text not null,
    stored_at timestamptz not null,
    fingerprint bytea not null,
    user_id bigint,
    form text,
    by_whom text,
    node_id text collate "C",
    epoch bigint,
    boot bigint,
    number bigint,
    final boolean not null,
    primary key (account_id, version),
    unique (account_id, hash)
)
"""

# A table of its own: no statement that lists versions has a login in hand.
CONTENTS = """
create table deployer.session_contents (
    account_id text collate "C" not null,
    version integer not null,
    sealed bytea not null,
    primary key (account_id, version),
    foreign key (account_id, version)
        references deployer.session_versions (account_id, version) on delete cascade
)
"""
# It is compressed and sealed: PostgreSQL would only try in vain to make it smaller.
STORAGE = "alter table deployer.session_contents alter column sealed set storage external"

# A key belongs to one account: two of them would be one login, live twice.
KEYS = """
create table deployer.session_fingerprints (
    fingerprint bytea primary key,
    account_id text collate "C" not null references deployer.sessions (account_id) on delete cascade
)
"""
KEYS_BY_ACCOUNT = "create index session_fingerprints_account on deployer.session_fingerprints (account_id)"

# Not of a session's row: it stays when a session is removed, so that an old state never passes for a new one's.
HOLDERS = """
create table deployer.session_holders (
    account_id text collate "C" not null,
    epoch bigint not null,
    node_id text collate "C" not null,
    held boolean not null,
    said_at timestamptz not null,
    primary key (account_id, epoch)
)
"""

SIGN_INS = """
create table deployer.sign_ins (
    login_id text collate "C" primary key,
    account_id text collate "C" not null,
    node_id text collate "C" not null,
    kind text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    expires_at timestamptz not null,
    by_whom text,
    state text not null,
    number integer not null,
    reason text,
    hint text,
    user_id bigint,
    version integer
)
"""

SEALING_KEY = "alter table deployer.nodes add column sealing_key text"


def upgrade() -> None:
    for statement in (
        SESSIONS,
        VERSIONS,
        CONTENTS,
        STORAGE,
        KEYS,
        KEYS_BY_ACCOUNT,
        HOLDERS,
        SIGN_INS,
        SEALING_KEY,
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("alter table deployer.nodes drop column sealing_key")
    for table in ("session_contents", "session_fingerprints", "session_versions", "sessions"):
        op.execute(f"drop table deployer.{table}")
    for table in ("session_holders", "sign_ins"):
        op.execute(f"drop table deployer.{table}")
