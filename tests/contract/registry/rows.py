"""Rows that the tests of the store begin with."""

from dataclasses import replace

from services.registry.domain.accounts import AccountGroup
from services.registry.domain.node import StoredNode
from services.registry.domain.views import (
    AccountPlace,
    AccountQuestion,
    AccountView,
)
from shared.contracts.accounts import AccountReport
from shared.contracts.artifacts import AppliedArtifact, TestTally
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import NodeFacts, Resources
from tests.contract.registry.subject import Subject
from tests.unit.registry.builders import LEDGER, account, digest

NODE = StoredNode(
    "n",
    status=NodeStatus.ONLINE,
    facts=NodeFacts(
        source="local", hostname='h"o\\s,t', agent_version="1", labels={"region": "tokyo"}, time_zone="Asia/Tokyo"
    ),
    artifacts=(
        AppliedArtifact(
            id="s", version=2, hash="sha256:" + "0" * 64, tests_passed=True, tests=TestTally(passed=3, total=3)
        ),
        AppliedArtifact(id="of-an-older-agent", version=1, hash="sha256:" + "1" * 64, tests_passed=True),
    ),
    account_count=3,
    boot=5,
    seq=7,
    digest=digest(7),
    recent_digests=(digest(6), digest(7)),
    ledger_id=LEDGER,
    changes_through=0,
    resources=Resources(cores=2, load=0.25, memory_total=8 << 30, memory_available=5 << 30, agent_memory=90_000_000),
)


def group(boot: int, seq: int, *reports: AccountReport, number: int = 0) -> AccountGroup:
    """Reports of node `n`."""
    return AccountGroup("n", boot, seq, reports, number)


async def views(subject: Subject) -> dict[str, AccountView]:
    """All accounts."""
    rows = await subject.store.accounts(AccountQuestion(), AccountPlace(), 1000)
    return {row.account_id: row for row in rows}


async def fill(subject: Subject) -> None:
    """Two nodes with three accounts."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n", "m"])
        await transaction.save_nodes([NODE, replace(NODE, node_id="m", facts=NodeFacts(source="remote"))], 30)
        reports = [
            account("a", script_id="welcome", message_count=2),
            account("Z@1", status="error", session_file="100%.session"),
        ]
        await transaction.write_accounts([group(1, 1, *reports)])
        await transaction.write_accounts([AccountGroup("m", 1, 1, [account("a", session_file="x_y", reply_count=3)])])
