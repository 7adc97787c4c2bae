"""A node as the registry keeps it, and how it is told to others.

`(boot, seq)` is the newest beat that was judged; it only rises. `digest` names the state that the account rows
have, or is empty when the newest beat could not be built upon and a full report is awaited. `recent_digests` are
the states that this boot has passed through, newest last.
"""

from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.fleet import NodeObserved, NodeStatus
from shared.contracts.heartbeats import NodeFacts


@dataclass(frozen=True, slots=True)
class StoredNode:
    """One row. A node that was never heard of has boot 0 and seq -1, so that any beat is newer."""

    node_id: str
    status: NodeStatus = NodeStatus.OFFLINE
    facts: NodeFacts = field(default_factory=NodeFacts)
    artifacts: tuple[AppliedArtifact, ...] = ()
    account_count: int = 0
    boot: int = 0
    seq: int = -1
    digest: str = ""
    recent_digests: tuple[str, ...] = ()
    ledger_id: str | None = None
    changes_through: int = 0


def observed(node: StoredNode, change: str, at: datetime) -> NodeObserved:
    """The event that tells the node's whole state; `change` as in `fleet.node.<change>`."""
    return NodeObserved(
        node_id=node.node_id,
        change=change,
        status=node.status,
        boot=node.boot,
        seq=node.seq,
        node=node.facts,
        artifacts=list(node.artifacts),
        account_count=node.account_count,
        at=at,
    )


def visible_change(before: StoredNode, after: StoredNode) -> str | None:
    """What others must be told about the step from one to the other: `online`, `changed`, or nothing.

    A new boot is a change: whoever follows the node must know that the agent started again.
    """
    if after.status != before.status:
        return after.status.value
    same = (
        before.boot == after.boot
        and before.account_count == after.account_count
        and before.facts == after.facts
        and _by_name(before.artifacts) == _by_name(after.artifacts)
    )
    return None if same else "changed"


def _by_name(artifacts: tuple[AppliedArtifact, ...]) -> dict[tuple[str, str], AppliedArtifact]:
    return {(artifact.kind, artifact.id): artifact for artifact in artifacts}
