"""The table `plan_entries`: what deployments change on each node, as it was when they were planned."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.plan_rows import PlanPlace
from services.deployer.domain.plans import PlanEntry
from services.deployer.store.columns import arrays, unnest

_COLUMNS = {"group_no": "int", "node_id": "text", "entry": "jsonb"}
_INSERT = text(
    "insert into deployer.plan_entries (deployment_id, group_no, node_id, entry) "
    f"select :deployment_id, given.* from {unnest(_COLUMNS)} as given ({', '.join(_COLUMNS)})"
)
_DELETE = text("delete from deployer.plan_entries where deployment_id = :deployment_id")
_PAGE = text(
    "select entry from deployer.plan_entries where deployment_id = :deployment_id "
    "and (group_no, node_id) > (:group_no, :node_id) order by group_no, node_id limit :limit"
)


class PostgresPlans:
    """Plans in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, deployment_id: str, entries: Sequence[PlanEntry]) -> None:
        """Insert a deployment's plan, or more of it, in one statement."""
        rows = ((entry.group, entry.node_id, entry.model_dump_json()) for entry in entries)
        await self._connection.execute(_INSERT, {"deployment_id": deployment_id} | arrays(_COLUMNS, rows))

    async def replace(self, deployment_id: str, entries: Sequence[PlanEntry]) -> None:
        """Put these entries in place of those that a deployment has."""
        await self._connection.execute(_DELETE, {"deployment_id": deployment_id})
        await self.add(deployment_id, entries)

    async def page(self, deployment_id: str, after: PlanPlace | None, limit: int) -> list[PlanEntry]:
        """Entries of a plan, by group and node id."""
        return await self._entries(deployment_id, after or (0, ""), limit)

    async def whole(self, deployment_id: str) -> list[PlanEntry]:
        """A plan, by group and node id."""
        return await self._entries(deployment_id, (0, ""), None)

    async def _entries(self, deployment_id: str, after: PlanPlace, limit: int | None) -> list[PlanEntry]:
        asked: dict[str, Any] = {"deployment_id": deployment_id, "group_no": after[0], "node_id": after[1]}
        rows = await self._connection.execute(_PAGE, asked | {"limit": limit})
        return [PlanEntry.model_validate(row.entry) for row in rows]
