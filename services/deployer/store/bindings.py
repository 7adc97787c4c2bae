"""The table `bindings`: for each node, which account was ordered to play which script.

It is what the nodes should have, in the order of the orders; what they have is in their reports.
"""

import json
from collections.abc import Collection, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.store.columns import arrays, unnest
from shared.contracts.bindings import Bindings

_COLUMNS = {"node_id": "text", "bindings": "jsonb"}
_ENTER = text(
    "insert into deployer.bindings (node_id, bindings) select node_id, '{}' "
    "from unnest(cast(:node_ids as text[])) as given (node_id) order by node_id on conflict do nothing"
)
_OF = text("select node_id, bindings from deployer.bindings where node_id = any(cast(:node_ids as text[]))")
_LOCK = text(
    "select node_id, bindings from deployer.bindings where node_id = any(cast(:node_ids as text[])) "
    "order by node_id for update"
)
_SAVE = text(
    "update deployer.bindings as b set bindings = given.bindings "
    f"from {unnest(_COLUMNS)} as given (node_id, bindings) where b.node_id = given.node_id"
)


class PostgresBindings:
    """Bindings in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        """The bindings of those of the nodes that have any, unlocked."""
        rows = await self._connection.execute(_OF, {"node_ids": list(node_ids)})
        return {row.node_id: row.bindings for row in rows}

    async def lock(self, node_ids: Collection[str]) -> dict[str, Bindings]:
        """The bindings of these nodes, locked in the order of their ids; empty ones for a node without any."""
        await self._connection.execute(_ENTER, {"node_ids": list(node_ids)})
        rows = await self._connection.execute(_LOCK, {"node_ids": list(node_ids)})
        return {row.node_id: row.bindings for row in rows}

    async def save(self, bindings: Mapping[str, Bindings]) -> None:
        """Write the bindings of nodes that are locked."""
        rows = ((node_id, json.dumps(dict(of_node))) for node_id, of_node in bindings.items())
        await self._connection.execute(_SAVE, arrays(_COLUMNS, rows))
