"""A node as the registry keeps it, and how it is told to others.

`(boot, seq)` is the newest beat that was judged; it only rises. `digest` names the state that the account rows
have, or is empty when the newest beat could not be built upon and a full report is awaited. `recent_digests` are
the states that this boot has passed through, newest last.

`assignment_revision` and `assignment_digest` name the node's set of assignments (`domain/board.py`), whose other part,
the rows, is in the table of assignments. `takes_assignments` is whether its newest beat named a set at all: an older
agent, and a worker that speaks only HTTP, run what is in their folder whenever they have a lease. `held`: its newest
start is on another machine than the one before, which may still be running under its lease; so this one must not start
anything yet, and its word that it runs nothing is not the node's. `resources` differ with every beat, and are
therefore no change that others are told of.
"""

from dataclasses import dataclass, field
from datetime import datetime

from services.registry.domain.assignments import Takeover
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.assignments import AssignmentSet, assignments_digest
from shared.contracts.fleet import NodeObserved, NodeStatus
from shared.contracts.heartbeats import NodeFacts, Resources

NOTHING_ASSIGNED = assignments_digest((), ())


@dataclass(frozen=True, slots=True)
class NodePolicy:
    """What an operator wants of a node. `capacity` bounds the accounts that are assigned to it; None: as many as fit.

    `draining`: its accounts go to other nodes, such that have the same value of each label that `keep` names.
    """

    takeover: Takeover = Takeover.WAIT
    capacity: int | None = None
    draining: bool = False
    keep: tuple[str, ...] = ()


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
    takes_assignments: bool = False
    sealing_key: str | None = None
    assignment_revision: int = 0
    assignment_digest: str = NOTHING_ASSIGNED
    excluded: tuple[str, ...] = ()
    policy: NodePolicy = NodePolicy()
    held: bool = False
    resources: Resources | None = None

    @property
    def assignments(self) -> AssignmentSet:
        """The name of its set, as leases say it; of an empty one while the node is held."""
        if self.held:
            return AssignmentSet.model_construct(revision=0, digest=NOTHING_ASSIGNED)
        return AssignmentSet.model_construct(revision=self.assignment_revision, digest=self.assignment_digest)


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
        sealing_key=node.sealing_key,
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
