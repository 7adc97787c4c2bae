"""What the deployer tells everyone after it has committed a change of a deployment or a delivery."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from shared.contracts.artifacts import Artifact
from shared.contracts.contract import Contract, Instant
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
    """`running` until every delivery is final, then `succeeded` (all verified) or `failed`."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DeploymentChanged(Contract):
    """A deployment was made or ended. Routing key `deploy.deployment.<state>`."""

    TYPE: ClassVar[str] = "deploy.deployment.v1"

    deployment_id: DeploymentId
    artifact: Artifact
    state: DeploymentState
    totals: dict[DeliveryState, int] = Field(default_factory=dict)
    at: Instant


class DeliveryChanged(Contract):
    """A delivery entered another state. Routing key `deploy.delivery.<state>`."""

    TYPE: ClassVar[str] = "deploy.delivery.v1"

    delivery_id: DeliveryId
    deployment_id: DeploymentId
    node_id: NodeId
    artifact: Artifact
    state: DeliveryState
    reason: str | None = None
    attempts: int = 0
    reported_hash: ContentHash | None = None
    at: Instant
