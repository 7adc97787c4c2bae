"""The golden messages: JSON bodies of every version that was ever published, in `tests/golden/<type>.json`.

They are only ever added to. `make golden` writes the file of a type that has none yet.
"""

from datetime import UTC, datetime
from pathlib import Path

from shared.contracts.accounts import AccountChanged, AccountReport, AccountStatus
from shared.contracts.artifacts import AppliedArtifact, Artifact, FileState
from shared.contracts.assignments import (
    AssignAccounts,
    AssignedAccount,
    AssignmentChanged,
    AssignmentState,
    SessionWanted,
)
from shared.contracts.contract import Contract
from shared.contracts.deliveries import (
    DeliverArtifact,
    DeliveryOutcome,
    DeliveryReported,
    ForgetDelivery,
    RemoveArtifact,
)
from shared.contracts.deployments import DeliveryChanged, DeliveryState, DeploymentChanged, DeploymentState
from shared.contracts.drift import DriftChanged, DriftKind, DriftNews, DriftPolicy, DriftState
from shared.contracts.fleet import AccountCounters, AccountsChanged, AccountsCounted, NodeObserved, NodeStatus
from shared.contracts.heartbeats import HeartbeatReported, NodeFacts
from shared.contracts.keys import KeysAnnounced, NamedKey, TrustedKeys
from shared.contracts.leases import GrantLease, RefusalCause, RefuseLease
from shared.contracts.logins import AnswerLogin, BeginLogin, LoginKind, LoginReported, LoginState
from shared.contracts.own_accounts import NameOwnAccounts
from shared.contracts.sessions import (
    DeliverSession,
    SessionChanged,
    SessionOrigin,
    SessionRefused,
    SessionStored,
    SessionSynced,
    SyncSession,
)
from shared.contracts.trust import TrustKeys

FOLDER = Path(__file__).parent.parent.parent / "golden"
AT = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
HASH = "sha256:" + "ab" * 32
LEDGER = "0123456789abcdef" * 2
DIGEST = "f" * 32
LOGIN, SYNC = "lgn_" + "3" * 32, "syn_" + "4" * 32
DELIVERY, DEPLOYMENT = "dlv_" + "1" * 32, "dep_" + "2" * 32
ARTIFACT = Artifact(id="welcome-desk", version=3, hash=HASH)
ACCOUNT = AccountReport(
    account_id="desk-1",
    status=AccountStatus.WAITING,
    status_reason="Telegram asks to wait until 08:31:12 (messages.sendMessage)",
    script_id="welcome-desk",
    script_version=3,
    script_hash=HASH,
    message_count=120,
    reply_count=45,
    last_activity=AT,
    session_file="desk-1.session",
)
NODE = NodeFacts(source="remote", hostname="tokyo-7", agent_version="0.1.0", labels={"region": "tokyo"})
KEY = "A" * 43 + "="
KEYS = TrustedKeys(
    serial=2,
    signing=[NamedKey(key_id="0123456789abcdef", key=KEY)],
    vault=NamedKey(key_id="fedcba9876543210", key=KEY),
)
APPLIED = AppliedArtifact(**ARTIFACT.model_dump(), tests_passed=True)

SAMPLES: tuple[Contract, ...] = (
    HeartbeatReported(
        node_id="tokyo-7",
        boot=1763886600000000,
        seq=12,
        ledger_id=LEDGER,
        full=False,
        base_digest=DIGEST,
        digest="e" * 32,
        account_count=3,
        changed=[ACCOUNT],
        removed=["desk-9"],
        node=NODE,
        artifacts=[APPLIED],
        sent_at=AT,
    ),
    AccountChanged(
        node_id="tokyo-7",
        ledger_id=LEDGER,
        number=7,
        boot=1763886600000000,
        seq=12,
        previous_status=AccountStatus.ONLINE,
        account=ACCOUNT,
        at=AT,
    ),
    DeliveryReported(
        node_id="tokyo-7",
        delivery_id=DELIVERY,
        attempt=1,
        outcome=DeliveryOutcome.APPLIED,
        loaded_hash=HASH,
        tests_passed=True,
        at=AT,
    ),
    NodeObserved(
        node_id="tokyo-7",
        change="online",
        status=NodeStatus.ONLINE,
        boot=1763886600000000,
        seq=12,
        node=NODE,
        artifacts=[APPLIED],
        account_count=3,
        at=AT,
    ),
    AccountsChanged(node_id="tokyo-7", accounts=[ACCOUNT], removed=["desk-9"], at=AT),
    AccountsCounted(
        node_id="tokyo-7",
        accounts=[AccountCounters(account_id="desk-1", message_count=121, reply_count=46, last_activity=AT)],
        at=AT,
    ),
    DeploymentChanged(
        deployment_id=DEPLOYMENT,
        artifact=ARTIFACT,
        state=DeploymentState.SUCCEEDED,
        totals={DeliveryState.VERIFIED: 2},
        at=AT,
    ),
    DeliveryChanged(
        delivery_id=DELIVERY,
        deployment_id=DEPLOYMENT,
        node_id="tokyo-7",
        artifact=ARTIFACT,
        state=DeliveryState.VERIFIED,
        attempts=1,
        reported_hash=HASH,
        at=AT,
    ),
    DriftChanged(
        node_id="tokyo-7",
        script_id="welcome-desk",
        change=DriftNews.FOUND,
        state=DriftState.DRIFTED,
        kind=DriftKind.ALTERED,
        policy=DriftPolicy.REPAIR,
        desired=ARTIFACT,
        found=APPLIED.model_copy(
            update={
                "delivery_id": DELIVERY,
                "ordered_at": AT,
                "file": FileState.ALTERED,
                "file_hash": "sha256:" + "cd" * 32,
            }
        ),
        repairs=0,
        reason="its file was altered; what was loaded goes on until the agent is started again",
        since=AT,
        at=AT,
    ),
    GrantLease(
        node_id="tokyo-7",
        boot=1763886600000000,
        seq=12,
        seconds=30,
        full_report=False,
        ledger_id=LEDGER,
        changes_through=7,
    ),
    RefuseLease(
        node_id="tokyo-7", boot=1763886600000000, seq=12, cause=RefusalCause.NEWER_BOOT, newest_boot=1763886700000000
    ),
    NameOwnAccounts(node_id="tokyo-7", user_ids=[1001, 1002]),
    DeliverArtifact(
        node_id="tokyo-7",
        delivery_id=DELIVERY,
        attempt=1,
        artifact=ARTIFACT,
        size=17,
        content="id: welcome-desk\n",
        bind="all",
        issued_at=AT,
    ),
    RemoveArtifact(
        node_id="tokyo-7",
        delivery_id=DELIVERY,
        attempt=1,
        removes=ARTIFACT,
        bindings={"*": "night-desk"},
        issued_at=AT,
        apply_before=AT,
    ),
    ForgetDelivery(node_id="tokyo-7", delivery_id=DELIVERY, reason="somebody aborted it", called_off_at=AT),
    AssignAccounts(
        node_id="tokyo-7",
        revision=41,
        accounts=[
            AssignedAccount(account_id="desk-1", epoch=3),
            AssignedAccount(account_id="desk-2", epoch=1, release=True),
        ],
        excluded=["desk-9"],
    ),
    AssignmentChanged(
        account_id="desk-2",
        change="releasing",
        state=AssignmentState.RELEASING,
        epoch=1,
        node_id="tokyo-7",
        target="osaka-2",
        reason="moved to osaka-2",
        at=AT,
    ),
    SessionWanted(node_id="osaka-2", account_id="desk-2", epoch=2, sealing_key=KEY, at_least=HASH, at=AT),
    SessionSynced(
        node_id="tokyo-7",
        account_id="desk-2",
        epoch=1,
        boot=1763886600000000,
        number=5,
        hash=HASH,
        size=40960,
        sealed="AAAA",
        final=True,
        at=AT,
    ),
    DeliverSession(
        node_id="tokyo-7", account_id="desk-5", epoch=2, version=6, hash=HASH, size=40960, sealed="AAAA", issued_at=AT
    ),
    SessionStored(node_id="tokyo-7", account_id="desk-2", epoch=1, hash=HASH, stored_at=AT),
    SessionRefused(
        node_id="tokyo-7",
        account_id="desk-2",
        epoch=1,
        hash=HASH,
        reason="the key of this login is account 'desk-1's in the vault",
        refused_at=AT,
    ),
    SyncSession(node_id="tokyo-7", account_id="desk-2", epoch=1, sync_id=SYNC, issued_at=AT),
    SessionChanged(
        account_id="desk-1", change="stored", version=4, hash=HASH, origin=SessionOrigin.SYNC, user_id=777000, at=AT
    ),
    KeysAnnounced(keys=KEYS, at=AT),
    BeginLogin(
        node_id="tokyo-7",
        login_id=LOGIN,
        account_id="desk-9",
        kind=LoginKind.PHONE,
        secret="AAAA",
        issued_at=AT,
        expires_at=AT,
    ),
    AnswerLogin(node_id="tokyo-7", login_id=LOGIN, account_id="desk-9", question=2, secret="AAAA", issued_at=AT),
    LoginReported(
        node_id="tokyo-7",
        login_id=LOGIN,
        account_id="desk-9",
        number=3,
        state=LoginState.SIGNED_IN,
        user_id=777000,
        hash=HASH,
        size=40960,
        sealed="AAAA",
        at=AT,
    ),
    TrustKeys(node_id="tokyo-7", keys=KEYS, issued_at=AT),
)


def main() -> None:
    """Write the golden file of every type that has none."""
    FOLDER.mkdir(exist_ok=True)
    for sample in SAMPLES:
        path = FOLDER / f"{sample.TYPE}.json"
        if not path.exists():
            path.write_text(sample.model_dump_json(indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
