"""The twin of `store.deployments`, on the tables of `store.in_memory`."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from services.deployer.domain.deployment_rows import DeploymentPlace, DeploymentQuestion
from services.deployer.domain.deployments import Deployment
from services.deployer.store.in_memory_tables import Tables


class InMemoryDeployments:
    """Implements `domain.deployment_rows.Deployments`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._deployments = tables.deployments

    async def add(self, deployment: Deployment) -> None:
        """Insert one."""
        self._deployments[deployment.id] = _tidy(deployment)

    async def newest_order(self, script_id: str) -> datetime | None:
        """When the script was last ordered, by a deployment that has begun or to settle drift."""
        times = [one.ordered_at for one in self._deployments.values() if one.artifact.id == script_id]
        rows = self._tables.desired.values()
        times += [one.want.ordered_at for one in rows if one.script_id == script_id and one.want]
        return max((at for at in times if at is not None), default=None)

    async def claim_looks(self, now: datetime, most: int) -> list[Deployment]:
        """Deployments that are to be looked at, locked; what another transaction holds is passed over."""
        due = [(one.next_look_at, one) for one in self._deployments.values() if one.next_look_at is not None]
        return [one for at, one in sorted(due, key=lambda each: each[0]) if at <= now][:most]

    async def open_ended(self, script_id: str | None) -> list[str]:
        """The ids of the deployments (of this script) that wait for late joiners."""
        return sorted(
            one.id for one in self._deployments.values() if one.open_ended and script_id in (None, one.artifact.id)
        )

    async def lock(self, ids: Collection[str]) -> list[Deployment]:
        """Deployments, locked in the order of their ids."""
        return [self._deployments[id_] for id_ in sorted(ids) if id_ in self._deployments]

    async def save(self, deployments: Sequence[Deployment]) -> None:
        """Write what can change of them."""
        for deployment in deployments:
            self._deployments[deployment.id] = _tidy(deployment)

    async def one(self, deployment_id: str) -> Deployment | None:
        """One deployment."""
        return self._deployments.get(deployment_id)

    async def page(self, question: DeploymentQuestion, after: DeploymentPlace | None, limit: int) -> list[Deployment]:
        """Deployments, the newest first."""
        asked = [
            one
            for one in self._deployments.values()
            if question.script_id in (None, one.artifact.id)
            and question.state in (None, one.state)
            and (after is None or (one.created_at, one.id) < after)
        ]
        return sorted(asked, key=lambda one: (one.created_at, one.id), reverse=True)[:limit]


def _tidy(deployment: Deployment) -> Deployment:
    """As the database gives it back: totals of zero are not kept."""
    return replace(deployment, totals={state: count for state, count in deployment.totals.items() if count})
