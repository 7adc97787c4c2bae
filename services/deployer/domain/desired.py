"""What a node should have of a script, and how that compares with what it has. Pure.

A row is written when a delivery is verified. A row without a `want` stands for a script that a node has although no
order of it was verified here, as after a restore of the database from a copy that is older than the order.

| the node has of the script                                    | finding               |
| ------------------------------------------------------------- | --------------------- |
| something ordered later than what is desired or on its way    | newer                 |
| anything else while a delivery of the script is not final     | on its way            |
| nothing                                                       | drifted: missing      |
| something, and nothing is desired                             | newer                 |
| something, and it was removed by an order that was verified   | drifted: other        |
| nothing, and it was removed                                   | in sync               |
| other content, which is no version that is stored here        | newer                 |
| other content, of a version that is stored here               | drifted: other        |
| the desired content, its file gone                            | drifted: missing      |
| the desired content, its file altered                         | drifted: altered      |
| the desired content of an earlier order                       | drifted: other        |
| the desired content                                           | in sync               |

The content alone does not decide: an earlier order of the same version may have been for other accounts. Agents that
do not say which order they have are judged by content. Once an operator has insisted on what is desired, unknown
content is no longer newer.
"""

from dataclasses import dataclass
from datetime import datetime

from services.deployer.domain.deliveries import Delivery
from shared.contracts.artifacts import AppliedArtifact, Artifact, FileState
from shared.contracts.drift import DriftKind, DriftPolicy, DriftState


@dataclass(frozen=True, slots=True)
class Want:
    """The order that stands, or `removes` that took the script away. `attempt` is the last one that was sent under its
    delivery id.
    """

    artifact: Artifact
    delivery_id: str
    ordered_at: datetime
    attempt: int
    policy: DriftPolicy
    removes: bool = False


@dataclass(frozen=True, slots=True)
class Desired:
    """One script on one node.

    `found` and `reason` are of the last comparison that was not in sync, `heard` is what the node said of the last
    repair that failed. No repair goes out before `repair_after`; `look_at` is when to compare again, None: when the
    node is observed. `insisted`: an operator wants it repaired, whatever the policy.
    """

    node_id: str
    script_id: str
    want: Want | None
    state: DriftState = DriftState.IN_SYNC
    kind: DriftKind | None = None
    found: AppliedArtifact | None = None
    reason: str | None = None
    heard: str | None = None
    since: datetime | None = None
    repairs: int = 0
    repair_after: datetime | None = None
    insisted: bool = False
    look_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Node and script."""
        return (self.node_id, self.script_id)


@dataclass(frozen=True, slots=True)
class InSync:
    """It has what it should have."""


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """A delivery is not final: what the node has now says nothing."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing is desired and the node has nothing."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """It lacks what it should have."""

    kind: DriftKind
    found: AppliedArtifact | None
    reason: str


@dataclass(frozen=True, slots=True)
class Newer:
    """It has what this deployer knows nothing of."""

    found: AppliedArtifact
    reason: str


Finding = InSync | OnItsWay | Gone | Drifted | Newer


def desired_of(delivery: Delivery, policy: DriftPolicy) -> Desired:
    """The row of a delivery that was verified."""
    want = Want(delivery.artifact, delivery.id, delivery.created_at, delivery.attempts, policy, delivery.removes)
    return Desired(delivery.node_id, delivery.artifact.id, want)


def compared(row: Desired, loaded: AppliedArtifact | None, on_its_way: datetime | None, *, known: bool) -> Finding:
    """Apply the table above. `on_its_way` is when the delivery that is not final was ordered; `known` whether the
    content that the node has is a version stored here.
    """
    want = row.want
    if loaded is None:
        if on_its_way is not None:
            return OnItsWay()
        if want is not None and want.removes:
            return InSync()
        return Gone() if want is None else Drifted(DriftKind.MISSING, None, "the node no longer runs it")
    newest = max((at for at in (want.ordered_at if want else None, on_its_way) if at is not None), default=None)
    if loaded.ordered_at is not None and newest is not None and loaded.ordered_at > newest:
        return Newer(loaded, f"it was ordered at {loaded.ordered_at.isoformat()}, later than anything remembered here")
    if on_its_way is not None:
        return OnItsWay()
    if want is None:
        return Newer(loaded, "no order of this script was ever verified here on this node")
    if want.removes:
        return Drifted(DriftKind.OTHER, loaded, f"it was removed, and the node runs version {loaded.version} of it")
    if loaded.hash != want.artifact.hash:
        if not known and not row.insisted:
            return Newer(loaded, "its content is no version that is stored here")
        return Drifted(DriftKind.OTHER, loaded, f"the node runs other content, as version {loaded.version}")
    return _with_our_content(want, loaded)


def _with_our_content(want: Want, loaded: AppliedArtifact) -> Finding:
    match loaded.file:
        case FileState.MISSING:
            reason = "its file is gone; what was loaded goes on until the agent is started again"
            return Drifted(DriftKind.MISSING, loaded, reason)
        case FileState.ALTERED:
            reason = "its file was altered; what was loaded goes on until the agent is started again"
            return Drifted(DriftKind.ALTERED, loaded, reason)
    if loaded.ordered_at is not None and loaded.ordered_at < want.ordered_at:
        reason = f"the node has the version by an earlier order, of {loaded.ordered_at.isoformat()}"
        return Drifted(DriftKind.OTHER, loaded, reason)
    return InSync()
