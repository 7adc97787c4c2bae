"""What the deployer tells everyone after it has committed a change of a deployment or a delivery."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from shared.contracts.artifacts import Artifact
from shared.contracts.contract import Contract, Instant, Part
from shared.contracts.identifiers import ContentHash, DeliveryId, DeploymentId, NodeId


class DeliveryState(StrEnum):
    """The states of a delivery; the transition table is in the deployer's domain."""

    PENDING = "pending"
    SENT = "sent"
    RECEIVED = "received"
    APPLIED = "applied"
    VERIFIED = "verified"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    SUPERSEDED = "superseded"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to a delivery in this state."""
        return self in FINAL_STATES


FINAL_STATES = frozenset(
    {
        DeliveryState.VERIFIED,
        DeliveryState.FAILED,
        DeliveryState.TIMED_OUT,
        DeliveryState.SUPERSEDED,
        DeliveryState.CANCELED,
    }
)


class DeploymentState(StrEnum):
    """The states of a deployment; the transition table is in the deployer's domain.

    `planned` waits for approval, `scheduled` for its time, `paused` for somebody. `succeeded` means that every delivery
    is verified. `aborted` was stopped after its start, `canceled` before it.
    """

    PLANNED = "planned"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to a deployment in this state."""
        return self in FINAL_DEPLOYMENT_STATES


FINAL_DEPLOYMENT_STATES = frozenset(
    {DeploymentState.SUCCEEDED, DeploymentState.FAILED, DeploymentState.ABORTED, DeploymentState.CANCELED}
)


class GroupTotals(Part):
    """One group of a deployment: how many deliveries it has, how many are held back, and the totals by state."""

    size: int
    held: int = 0
    totals: dict[DeliveryState, int] = Field(default_factory=dict)


class DeploymentChanged(Contract):
    """A deployment entered another state. Routing key `deploy.deployment.<state>`.

    `causes` counts the failures by their cause, `reason` says why it is paused or has ended early. `removes`: it takes
    the script away.
    """

    TYPE: ClassVar[str] = "deploy.deployment.v1"

    deployment_id: DeploymentId
    artifact: Artifact
    state: DeploymentState
    totals: dict[DeliveryState, int] = Field(default_factory=dict)
    groups: list[GroupTotals] | None = None
    causes: dict[str, int] | None = None
    reason: str | None = None
    removes: bool = False
    at: Instant


class DeliveryChanged(Contract):
    """A delivery entered another state. Routing key `deploy.delivery.<state>`. Groups are counted from 1."""

    TYPE: ClassVar[str] = "deploy.delivery.v1"

    delivery_id: DeliveryId
    deployment_id: DeploymentId
    node_id: NodeId
    artifact: Artifact
    state: DeliveryState
    group: int | None = None
    reason: str | None = None
    attempts: int = 0
    reported_hash: ContentHash | None = None
    removes: bool = False
    at: Instant
