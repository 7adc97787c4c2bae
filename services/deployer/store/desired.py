"""The table `desired`: what nodes should have of scripts, and how it compares with what they have.

`claim_due` passes over rows that another transaction holds; every other lock waits, in the order of node and script.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.desired import Desired, Want
from services.deployer.domain.desired_rows import DesiredKey, DriftQuestion, DueDesired
from services.deployer.domain.drift import SHOWN
from services.deployer.store.columns import arrays, unnest
from services.deployer.store.nodes import NAMES as NODE_NAMES
from services.deployer.store.nodes import node_of
from shared.contracts.artifacts import AppliedArtifact, Artifact
from shared.contracts.drift import DriftKind, DriftPolicy, DriftState

_COLUMNS = {
    "node_id": "text",
    "script_id": "text",
    "version": "int",
    "hash": "text",
    "delivery_id": "text",
    "ordered_at": "timestamptz",
    "attempt": "int",
    "policy": "text",
    "removes": "boolean",
    "state": "text",
    "kind": "text",
    "found": "jsonb",
    "reason": "text",
    "heard": "text",
    "since": "timestamptz",
    "repairs": "int",
    "repair_after": "timestamptz",
    "insisted": "boolean",
    "look_at": "timestamptz",
}
_NAMES = ", ".join(_COLUMNS)
_ROW = ", ".join(f"d.{name}" for name in _COLUMNS)
_SET = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in ("node_id", "script_id"))
_GIVEN = f"select {_NAMES} from {unnest(_COLUMNS)} as given ({_NAMES}) order by node_id, script_id"

_WANT = text(
    f"insert into deployer.desired as d ({_NAMES}) {_GIVEN} on conflict (node_id, script_id) do update set {_SET} "
    "where d.ordered_at is null or d.ordered_at <= excluded.ordered_at"
)
_ENTER = text(f"insert into deployer.desired ({_NAMES}) {_GIVEN} on conflict (node_id, script_id) do nothing")
_SAVE = text(f"insert into deployer.desired ({_NAMES}) {_GIVEN} on conflict (node_id, script_id) do update set {_SET}")
_LOCK = text(
    f"select {_ROW} from deployer.desired as d where d.node_id = any(cast(:node_ids as text[])) "
    "or d.delivery_id = any(cast(:delivery_ids as text[])) order by d.node_id, d.script_id for update of d"
)
_LOCK_ONE = text(
    f"select {_ROW} from deployer.desired as d where d.node_id = :node_id and d.script_id = :script_id for update"
)
_REMOVE = text(
    "delete from deployer.desired where (node_id, script_id) in "
    "(select * from unnest(cast(:node_ids as text[]), cast(:script_ids as text[])))"
)
_WANTED_BY = text(
    "select delivery_id, node_id from deployer.desired where delivery_id = any(cast(:delivery_ids as text[]))"
)
_WANTED = text(
    f"select {_ROW} from deployer.desired as d where d.script_id = :script_id and d.delivery_id is not null "
    "and d.node_id = any(cast(:node_ids as text[])) order by d.node_id"
)
# What is on its way is one row for a node and script; what is in work are the few open ones of the node.
_CLAIM = text(
    f"select {_ROW}, n.node_id as node, {', '.join(f'n.{name} as node_{name}' for name in NODE_NAMES)}, b.bindings, "
    "(select max(o.created_at) from deployer.deliveries as o "
    "where not o.final and o.released and o.node_id = d.node_id and o.script_id = d.script_id) as on_its_way, "
    "exists (select from deployer.deliveries as o "
    "where not o.final and o.node_id = d.node_id and o.state <> 'pending') as busy "
    "from deployer.desired as d left join deployer.nodes as n on n.node_id = d.node_id "
    "left join deployer.verified_bindings as b on b.node_id = d.node_id "
    "where d.look_at <= :now order by d.look_at, d.node_id, d.script_id limit :most for update of d skip locked"
)


class PostgresDesired:
    """Implements `domain.desired_rows.DesiredRows` in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def want(self, rows: Sequence[Desired]) -> None:
        """Write rows of verified deliveries; one by a later order stays."""
        await self._connection.execute(_WANT, arrays(_COLUMNS, map(_values, rows)))

    async def lock(self, node_ids: Collection[str], delivery_ids: Collection[str]) -> list[Desired]:
        """The rows of these nodes and those that want one of these deliveries, locked by node and script."""
        asked = {"node_ids": list(node_ids), "delivery_ids": list(delivery_ids)}
        return [_desired(row) for row in await self._connection.execute(_LOCK, asked)]

    async def lock_one(self, key: DesiredKey) -> Desired | None:
        """One row, locked."""
        asked = {"node_id": key[0], "script_id": key[1]}
        row = (await self._connection.execute(_LOCK_ONE, asked)).one_or_none()
        return None if row is None else _desired(row)

    async def enter(self, rows: Sequence[Desired]) -> None:
        """Insert rows; one that is there stays."""
        await self._connection.execute(_ENTER, arrays(_COLUMNS, map(_values, rows)))

    async def save(self, rows: Sequence[Desired]) -> None:
        """Write rows that are locked."""
        await self._connection.execute(_SAVE, arrays(_COLUMNS, map(_values, rows)))

    async def remove(self, keys: Collection[DesiredKey]) -> None:
        """Forget rows that are locked."""
        asked = {"node_ids": [key[0] for key in keys], "script_ids": [key[1] for key in keys]}
        await self._connection.execute(_REMOVE, asked)

    async def wanted_by(self, delivery_ids: Collection[str]) -> dict[str, str]:
        """The nodes by those of the delivery ids that a row wants; not locked."""
        rows = await self._connection.execute(_WANTED_BY, {"delivery_ids": list(delivery_ids)})
        return {row.delivery_id: row.node_id for row in rows}

    async def wanted(self, script_id: str, node_ids: Collection[str]) -> list[Desired]:
        """The rows of a script on these nodes, where an order of it was verified; not locked."""
        rows = await self._connection.execute(_WANTED, {"script_id": script_id, "node_ids": list(node_ids)})
        return [_desired(row) for row in rows]

    async def claim_due(self, now: datetime, most: int) -> list[DueDesired]:
        """Rows to look at, locked; what another transaction holds is passed over."""
        rows = await self._connection.execute(_CLAIM, {"now": now, "most": most})
        return [
            DueDesired(
                _desired(row),
                None if row.node is None else node_of(row, "node_"),
                row.on_its_way,
                row.busy,
                row.bindings,
            )
            for row in rows
        ]

    async def page(self, question: DriftQuestion, after: DesiredKey | None, limit: int) -> list[Desired]:
        """The rows that are drifted, given up or newer, by node and script."""
        asked: dict[str, Any] = {
            "node_id": question.node_id,
            "script_id": question.script_id,
            "kind": question.kind,
            "state": question.state,
        }
        asked = {name: str(value) for name, value in asked.items() if value is not None}
        conditions = [_IS_SHOWN, *(f"d.{name} = :{name}" for name in asked)]
        if after is not None:
            conditions.append("(d.node_id, d.script_id) > (:after_node, :after_script)")
            asked |= {"after_node": after[0], "after_script": after[1]}
        query = (
            f"select {_ROW} from deployer.desired as d where {' and '.join(conditions)} "
            "order by d.node_id, d.script_id limit :limit"
        )
        return [_desired(row) for row in await self._connection.execute(text(query), asked | {"limit": limit})]


# As in the partial index of the migration.
_IS_SHOWN = f"d.state in ({', '.join(repr(state.value) for state in SHOWN)})"


def _values(row: Desired) -> tuple[Any, ...]:
    want = row.want
    wanted = (
        (None,) * 6 + (False,)
        if want is None
        else (
            want.artifact.version,
            want.artifact.hash,
            want.delivery_id,
            want.ordered_at,
            want.attempt,
            want.policy.value,
            want.removes,
        )
    )
    return (
        row.node_id,
        row.script_id,
        *wanted,
        row.state.value,
        None if row.kind is None else row.kind.value,
        None if row.found is None else row.found.model_dump_json(),
        row.reason,
        row.heard,
        row.since,
        row.repairs,
        row.repair_after,
        row.insisted,
        row.look_at,
    )


def _desired(row: Any) -> Desired:
    want = None
    if row.delivery_id is not None:
        artifact = Artifact(id=row.script_id, version=row.version, hash=row.hash)
        want = Want(artifact, row.delivery_id, row.ordered_at, row.attempt, DriftPolicy(row.policy), row.removes)
    return Desired(
        node_id=row.node_id,
        script_id=row.script_id,
        want=want,
        state=DriftState(row.state),
        kind=None if row.kind is None else DriftKind(row.kind),
        found=None if row.found is None else AppliedArtifact.model_validate(row.found),
        reason=row.reason,
        heard=row.heard,
        since=row.since,
        repairs=row.repairs,
        repair_after=row.repair_after,
        insisted=row.insisted,
        look_at=row.look_at,
    )
