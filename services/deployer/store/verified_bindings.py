"""The table `verified_bindings`: for each node, who plays what by the orders that were verified there.

What `bindings` is of what was ordered. A repair restores these. SQL's null: not known, because the node has something
that was not ordered here.
"""

import json
from collections.abc import Collection, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.store.columns import arrays, unnest
from shared.contracts.bindings import Bindings

_COLUMNS = {"node_id": "text", "bindings": "jsonb"}
_ENTER = text(
    "insert into deployer.verified_bindings (node_id, bindings) select node_id, '{}' "
    "from unnest(cast(:node_ids as text[])) as given (node_id) order by node_id on conflict do nothing"
)
_LOCK = text(
    "select node_id, bindings from deployer.verified_bindings where node_id = any(cast(:node_ids as text[])) "
    "order by node_id for update"
)
_SAVE = text(
    "update deployer.verified_bindings as b set bindings = given.bindings "
    f"from {unnest(_COLUMNS)} as given (node_id, bindings) where b.node_id = given.node_id"
)


class PostgresVerifiedBindings:
    """Bindings by verified orders, in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, node_ids: Collection[str]) -> dict[str, Bindings | None]:
        """The bindings of these nodes, locked in the order of their ids."""
        await self._connection.execute(_ENTER, {"node_ids": sorted(node_ids)})
        rows = await self._connection.execute(_LOCK, {"node_ids": sorted(node_ids)})
        return {row.node_id: row.bindings for row in rows}

    async def save(self, bindings: Mapping[str, Bindings | None]) -> None:
        """Write the bindings of nodes that are locked."""
        rows = ((node_id, None if of is None else json.dumps(dict(of))) for node_id, of in bindings.items())
        await self._connection.execute(_SAVE, arrays(_COLUMNS, rows))
