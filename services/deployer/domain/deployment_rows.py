"""Deployments in a transaction, and questions about them: the port of the table."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deployer.domain.deployments import Deployment
from shared.contracts.deployments import DeploymentState

# The place of a deployment in the list, which is newest first.
DeploymentPlace = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class DeploymentQuestion:
    """Which deployments; None asks for any."""

    script_id: str | None = None
    state: DeploymentState | None = None


class Deployments(Protocol):
    """Deployments with their totals."""

    async def add(self, deployment: Deployment) -> None:
        """Insert one."""
        ...

    async def newest_order(self, script_id: str) -> datetime | None:
        """When the script was last ordered, by a deployment that has begun or to settle drift."""
        ...

    async def lock(self, ids: Collection[str]) -> list[Deployment]:
        """Deployments, locked in the order of their ids."""
        ...

    async def save(self, deployments: Sequence[Deployment]) -> None:
        """Write what can change of them."""
        ...

    async def claim_looks(self, now: datetime, most: int) -> list[Deployment]:
        """Deployments that are to be looked at, locked; what another transaction holds is passed over."""
        ...

    async def open_ended(self, script_id: str | None) -> list[str]:
        """The ids of the deployments (of this script) that wait for late joiners."""
        ...

    async def one(self, deployment_id: str) -> Deployment | None:
        """One deployment."""
        ...

    async def page(self, question: DeploymentQuestion, after: DeploymentPlace | None, limit: int) -> list[Deployment]:
        """Deployments, the newest first."""
        ...
