"""Questions about scripts and deployments, for the API. Each is one short transaction; raises Unavailable."""

import asyncio
from dataclasses import dataclass

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployment_rows import DeploymentPlace, DeploymentQuestion
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.plan_rows import PlanPlace
from services.deployer.domain.plans import PlanEntry
from services.deployer.domain.ports import Store
from services.deployer.domain.scripts import ScriptSummary, ScriptVersion, VersionInfo
from shared.scripts.difference import Difference, difference


@dataclass(frozen=True, slots=True)
class NoVersion:
    """The script has no such version, or there is no such script."""

    version: int


class BrowseScripts:
    """Scripts and their versions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, after: str | None, limit: int) -> list[ScriptSummary]:
        """Scripts by id, after one."""
        async with self._store.begin() as transaction:
            return await transaction.scripts.page(after, limit)

    async def versions(self, script_id: str) -> list[VersionInfo]:
        """A script's versions, the newest first; empty for an unknown script."""
        async with self._store.begin() as transaction:
            return await transaction.scripts.versions(script_id)

    async def version(self, script_id: str, version: int) -> ScriptVersion | None:
        """One version with its text."""
        async with self._store.begin() as transaction:
            return await transaction.scripts.version(script_id, version)

    async def difference(self, script_id: str, older: int, newer: int) -> Difference | NoVersion:
        """What changed from one version to another."""
        async with self._store.begin() as transaction:
            found = await transaction.scripts.contents([(script_id, older), (script_id, newer)])
        for version in (newer, older):
            if (script_id, version) not in found:
                return NoVersion(version)
        # Line by line over two large texts takes a moment.
        return await asyncio.to_thread(_difference, found[script_id, older], found[script_id, newer])

    async def by_hash(self, content_hash: str) -> ScriptVersion | None:
        """The version with this content."""
        async with self._store.begin() as transaction:
            return await transaction.scripts.by_hash(content_hash)


class BrowseDeployments:
    """Deployments and their deliveries."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, question: DeploymentQuestion, after: DeploymentPlace | None, limit: int) -> list[Deployment]:
        """Deployments, the newest first."""
        async with self._store.begin() as transaction:
            return await transaction.deployments.page(question, after, limit)

    async def one(self, deployment_id: str, after: str | None, limit: int) -> tuple[Deployment, list[Delivery]] | None:
        """A deployment with a page of its deliveries by node id; None if there is no such deployment."""
        async with self._store.begin() as transaction:
            deployment = await transaction.deployments.one(deployment_id)
            if deployment is None:
                return None
            return deployment, await transaction.deliveries.page(deployment_id, after, limit)

    async def plan(
        self, deployment_id: str, after: PlanPlace | None, limit: int
    ) -> tuple[Deployment, list[PlanEntry]] | None:
        """A deployment with a page of its plan by group and node id; None if there is no such deployment."""
        async with self._store.begin() as transaction:
            deployment = await transaction.deployments.one(deployment_id)
            if deployment is None:
                return None
            return deployment, await transaction.plans.page(deployment_id, after, limit)


def _difference(older: ScriptVersion, newer: ScriptVersion) -> Difference:
    return difference(older.body, newer.body, older_name=_name(older), newer_name=_name(newer))


def _name(version: ScriptVersion) -> str:
    artifact = version.info.artifact
    return f"{artifact.id} version {artifact.version}"
