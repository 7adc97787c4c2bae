"""The twin of `store.plans`, on the tables of `store.in_memory`."""

from collections.abc import Sequence

from services.deployer.domain.plan_rows import PlanPlace
from services.deployer.domain.plans import PlanEntry
from services.deployer.store.in_memory_tables import Tables


class InMemoryPlans:
    """Implements `domain.plan_rows.Plans`."""

    def __init__(self, tables: Tables) -> None:
        self._plans = tables.plans

    async def add(self, deployment_id: str, entries: Sequence[PlanEntry]) -> None:
        """Insert a deployment's plan, or more of it."""
        self._plans.setdefault(deployment_id, []).extend(entries)

    async def replace(self, deployment_id: str, entries: Sequence[PlanEntry]) -> None:
        """Put these entries in place of those that a deployment has."""
        self._plans[deployment_id] = list(entries)

    async def page(self, deployment_id: str, after: PlanPlace | None, limit: int) -> list[PlanEntry]:
        """Entries of a plan, by group and node id."""
        whole = await self.whole(deployment_id)
        return [one for one in whole if (one.group, one.node_id) > (after or (0, ""))][:limit]

    async def whole(self, deployment_id: str) -> list[PlanEntry]:
        """A plan, by group and node id."""
        return sorted(self._plans.get(deployment_id, []), key=lambda one: (one.group, one.node_id))
