"""The table `nodes`: the projection of the fleet that the deployer plans with."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.nodes import Node
from services.deployer.store.columns import arrays, unnest
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.fleet import NodeStatus

_COLUMNS = {
    "node_id": "text",
    "status": "text",
    "labels": "jsonb",
    "source": "text",
    "boot": "bigint",
    "seq": "bigint",
    "artifacts": "jsonb",
    "observed_at": "timestamptz",
    "time_zone": "text",
    "sealing_key": "text",
    "keys_serial": "bigint",
}
NAMES = tuple(_COLUMNS)
_NAMES = ", ".join(NAMES)
_ALL = text(f"select {_NAMES} from deployer.nodes")
_STRANGERS = text(
    f"select {_NAMES} from deployer.nodes as n where not exists (select from deployer.deliveries as d "
    "where d.deployment_id = :deployment_id and d.node_id = n.node_id)"
)
_LOCK = text(
    f"select {_NAMES} from deployer.nodes where node_id = any(cast(:node_ids as text[])) order by node_id for update"
)
# The lock above holds the rows that exist; the condition is for a row that another replica has inserted since.
_SAVE = text(
    f"insert into deployer.nodes as n ({_NAMES}) select {_NAMES} from {unnest(_COLUMNS)} as given ({_NAMES}) "
    "order by node_id on conflict (node_id) do update set "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "node_id")
    + ", updated_at = now() "
    "where (n.boot, n.seq, n.observed_at) <= (excluded.boot, excluded.seq, excluded.observed_at)"
)
_BEHIND = text(
    "select node_id, keys_serial from deployer.nodes where status = 'online' and keys_serial < :serial "
    "order by node_id limit :most"
)
_ONLINE = text("select distinct keys_serial from deployer.nodes where status = 'online' and keys_serial is not null")
_HIGHEST = text("select coalesce(max(keys_serial), 0) from deployer.nodes")
_artifacts = TypeAdapter(tuple[AppliedArtifact, ...])


class PostgresNodes:
    """Nodes in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, node_ids: Collection[str]) -> dict[str, Node]:
        """Those of the nodes that are known, locked."""
        rows = await self._connection.execute(_LOCK, {"node_ids": list(node_ids)})
        return {row.node_id: node_of(row) for row in rows}

    async def save(self, nodes: Sequence[Node]) -> None:
        """Write nodes; a row that is newer by now stays."""
        if nodes:
            await self._connection.execute(_SAVE, arrays(_COLUMNS, (_row(node) for node in nodes)))

    async def all(self) -> list[Node]:
        """Every node."""
        return [node_of(row) for row in await self._connection.execute(_ALL)]

    async def strangers(self, deployment_id: str) -> list[Node]:
        """The nodes to which nothing of this deployment goes."""
        rows = await self._connection.execute(_STRANGERS, {"deployment_id": deployment_id})
        return [node_of(row) for row in rows]

    async def behind(self, serial: int, most: int) -> dict[str, int]:
        """Online nodes that go by an older serial, with that serial."""
        rows = await self._connection.execute(_BEHIND, {"serial": serial, "most": most})
        return {row.node_id: row.keys_serial for row in rows}

    async def online_serials(self) -> set[int]:
        """The serials that online nodes go by."""
        return {row.keys_serial for row in await self._connection.execute(_ONLINE)}

    async def highest_serial(self) -> int:
        """The highest serial that any node goes by."""
        return int((await self._connection.execute(_HIGHEST)).scalar_one())


def _row(node: Node) -> tuple[Any, ...]:
    return (
        node.node_id,
        node.status.value,
        json.dumps(node.labels),
        node.source,
        node.boot,
        node.seq,
        _artifacts.dump_json(node.artifacts).decode(),
        node.observed_at,
        node.time_zone,
        node.sealing_key,
        node.keys_serial,
    )


def node_of(row: Any, prefix: str = "") -> Node:
    """The node in a row whose columns have this prefix."""
    column = {name: row._mapping[prefix + name] for name in NAMES}
    column["status"] = NodeStatus(column["status"])
    column["artifacts"] = _artifacts.validate_python(column["artifacts"])
    return Node(**column)
