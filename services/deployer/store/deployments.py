"""The table `deployments`, with the totals kept beside each."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.deployments import Deployment
from services.deployer.domain.ports import DeploymentPlace, DeploymentQuestion
from services.deployer.store.columns import arrays, unnest
from shared.contracts.artifacts import Artifact
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.drift import DriftPolicy

_NAMES = "id, script_id, version, hash, bind, targets, state, total, totals, created_at, finished_at, drift"
_CHANGING = {"id": "text", "state": "text", "totals": "jsonb", "finished_at": "timestamptz"}

_INSERT = text(
    f"insert into deployer.deployments ({_NAMES}) values (:id, :script_id, :version, :hash, cast(:bind as jsonb), "
    "cast(:targets as jsonb), :state, :total, cast(:totals as jsonb), :created_at, :finished_at, :drift)"
)
_NEWEST = text(
    "select greatest((select max(created_at) from deployer.deployments where script_id = :script_id), "
    "(select max(ordered_at) from deployer.desired where script_id = :script_id))"
)
_LOCK = text(f"select {_NAMES} from deployer.deployments where id = any(cast(:ids as text[])) order by id for update")
_SAVE = text(
    "update deployer.deployments as d set state = given.state, totals = given.totals, "
    f"finished_at = given.finished_at from {unnest(_CHANGING)} as given (id, state, totals, finished_at) "
    "where d.id = given.id"
)
_ONE = text(f"select {_NAMES} from deployer.deployments where id = :id")


class PostgresDeployments:
    """Deployments in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, deployment: Deployment) -> None:
        """Insert one."""
        artifact = deployment.artifact
        row = {
            "id": deployment.id,
            "script_id": artifact.id,
            "version": artifact.version,
            "hash": artifact.hash,
            "bind": None if deployment.bind is None else json.dumps(deployment.bind),
            "targets": json.dumps(dict(deployment.targets)),
            "state": deployment.state.value,
            "total": deployment.total,
            "totals": _totals(deployment.totals),
            "created_at": deployment.created_at,
            "finished_at": deployment.finished_at,
            "drift": deployment.drift.value,
        }
        await self._connection.execute(_INSERT, row)

    async def newest_order(self, script_id: str) -> datetime | None:
        """When the script was last ordered, by a deployment or to settle drift."""
        newest: datetime | None = (await self._connection.execute(_NEWEST, {"script_id": script_id})).scalar()
        return newest

    async def lock(self, ids: Collection[str]) -> list[Deployment]:
        """Deployments, locked in the order of their ids."""
        return [_deployment(row) for row in await self._connection.execute(_LOCK, {"ids": list(ids)})]

    async def save(self, deployments: Sequence[Deployment]) -> None:
        """Write state and totals."""
        rows = ((one.id, one.state.value, _totals(one.totals), one.finished_at) for one in deployments)
        await self._connection.execute(_SAVE, arrays(_CHANGING, rows))

    async def one(self, deployment_id: str) -> Deployment | None:
        """One deployment."""
        row = (await self._connection.execute(_ONE, {"id": deployment_id})).one_or_none()
        return None if row is None else _deployment(row)

    async def page(self, question: DeploymentQuestion, after: DeploymentPlace | None, limit: int) -> list[Deployment]:
        """Deployments, the newest first."""
        asked: dict[str, Any] = {"script_id": question.script_id, "state": question.state}
        asked = {name: str(value) for name, value in asked.items() if value is not None}
        conditions = [f"{name} = :{name}" for name in asked]
        if after is not None:
            conditions.append("(created_at, id) < (:created_at, :id)")
            asked |= {"created_at": after[0], "id": after[1]}
        where = f"where {' and '.join(conditions)}" if conditions else ""
        query = f"select {_NAMES} from deployer.deployments {where} order by created_at desc, id desc limit :limit"
        return [_deployment(row) for row in await self._connection.execute(text(query), asked | {"limit": limit})]


def _totals(totals: Mapping[DeliveryState, int]) -> str:
    return json.dumps({state.value: count for state, count in totals.items() if count})


def _deployment(row: Any) -> Deployment:
    return Deployment(
        id=row.id,
        artifact=Artifact(id=row.script_id, version=row.version, hash=row.hash),
        bind=row.bind,
        targets=row.targets,
        created_at=row.created_at,
        total=row.total,
        state=DeploymentState(row.state),
        finished_at=row.finished_at,
        totals={DeliveryState(state): count for state, count in row.totals.items()},
        drift=DriftPolicy(row.drift),
    )
