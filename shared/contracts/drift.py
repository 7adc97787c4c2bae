"""Drift: a node no longer has what was verified on it. What the deployer tells everyone about it.

The transition table is in the deployer's domain. `newer` is the other way round: the node has something that was
ordered later than anything the deployer remembers, as after a restore of its database; that is shown and never
overwritten by itself.
"""

from enum import StrEnum
from typing import ClassVar

from shared.contracts.artifacts import AppliedArtifact, Artifact
from shared.contracts.contract import Contract, Instant
from shared.contracts.identifiers import NodeId, ScriptId


class DriftPolicy(StrEnum):
    """What a deployment wants done about drift: bring the version back, or only show that it is gone."""

    REPAIR = "repair"
    REPORT = "report"


class DriftState(StrEnum):
    """How a node's script compares with what is desired. `suspected` is not shown: it may be news that came late."""

    IN_SYNC = "in_sync"
    SUSPECTED = "suspected"
    DRIFTED = "drifted"
    GIVEN_UP = "given_up"
    NEWER = "newer"


class DriftKind(StrEnum):
    """What is wrong: not there (or its file is not), its file was altered, or the node runs another order's version."""

    MISSING = "missing"
    ALTERED = "altered"
    OTHER = "other"


class DriftNews(StrEnum):
    """What has happened. `repaired` is said of every return to what is desired, whoever brought it about."""

    FOUND = "found"
    REPAIRED = "repaired"
    GIVEN_UP = "given_up"
    ADOPTED = "adopted"


class DriftChanged(Contract):
    """Drift was found, repaired, given up or adopted. Routing key `deploy.drift.<change>`.

    `desired` is what the node should have, null if nothing is desired; `found` what it has, null if nothing.
    """

    TYPE: ClassVar[str] = "deploy.drift.v1"

    node_id: NodeId
    script_id: ScriptId
    change: DriftNews
    state: DriftState
    kind: DriftKind | None = None
    policy: DriftPolicy | None = None
    desired: Artifact | None = None
    found: AppliedArtifact | None = None
    repairs: int = 0
    reason: str | None = None
    since: Instant | None = None
    at: Instant
