"""Plans of deployments in a transaction: the port of the table."""

from collections.abc import Sequence
from typing import Protocol

from services.deployer.domain.plans import PlanEntry

# The place of an entry in a plan, which is by group and node.
PlanPlace = tuple[int, str]


class Plans(Protocol):
    """What deployments change on each node, as it was when they were planned."""

    async def add(self, deployment_id: str, entries: Sequence[PlanEntry]) -> None:
        """Insert a deployment's plan, or more of it."""
        ...

    async def replace(self, deployment_id: str, entries: Sequence[PlanEntry]) -> None:
        """Put these entries in place of those that a deployment has."""
        ...

    async def page(self, deployment_id: str, after: PlanPlace | None, limit: int) -> list[PlanEntry]:
        """Entries of a plan, by group and node id."""
        ...

    async def whole(self, deployment_id: str) -> list[PlanEntry]:
        """A plan, by group and node id."""
        ...
