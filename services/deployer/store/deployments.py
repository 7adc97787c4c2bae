"""The table `deployments`, with the totals kept beside each.

`claim_looks` passes over rows that another transaction holds; `lock` waits, in the order of the ids. What a rollout
remembers between two looks is one document, because nothing is ever searched in it.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.deployment_rows import DeploymentPlace, DeploymentQuestion
from services.deployer.domain.deployments import Deployment, Progress
from services.deployer.domain.rollout import Rollout
from services.deployer.store.columns import arrays, unnest
from shared.contracts.artifacts import Artifact
from shared.contracts.deployments import DeliveryState, DeploymentState

_FIXED = {
    "id": "text",
    "script_id": "text",
    "version": "int",
    "hash": "text",
    "bind": "jsonb",
    "removes": "boolean",
    "bindings": "jsonb",
    "targets": "jsonb",
    "rollout": "jsonb",
    "retry_of": "text",
    "rollback_of": "text",
    "created_at": "timestamptz",
}
_CHANGING = {
    "state": "text",
    "reason": "text",
    "plan_hash": "text",
    "total": "int",
    "totals": "jsonb",
    "progress": "jsonb",
    "ordered_at": "timestamptz",
    "deadline_at": "timestamptz",
    "next_look_at": "timestamptz",
    "open_ended": "boolean",
    "finished_at": "timestamptz",
}
_ALL = _FIXED | _CHANGING
_SAVED = {"id": "text"} | _CHANGING
_NAMES = ", ".join(_ALL)

_INSERT = text(
    f"insert into deployer.deployments ({_NAMES}) "
    f"values ({', '.join(f'cast(:{name} as {kind})' for name, kind in _ALL.items())})"
)
_NEWEST = text(
    "select greatest((select max(ordered_at) from deployer.deployments where script_id = :script_id), "
    "(select max(ordered_at) from deployer.desired where script_id = :script_id))"
)
_LOCK = text(f"select {_NAMES} from deployer.deployments where id = any(cast(:ids as text[])) order by id for update")
_CLAIM = text(
    f"select {_NAMES} from deployer.deployments where next_look_at <= :now order by next_look_at limit :most "
    "for update skip locked"
)
_OPEN_ENDED = text(
    "select id from deployer.deployments where open_ended and script_id = coalesce(:script_id, script_id) order by id"
)
_SAVE = text(
    f"update deployer.deployments as d set {', '.join(f'{name} = given.{name}' for name in _CHANGING)} "
    f"from {unnest(_SAVED)} as given ({', '.join(_SAVED)}) where d.id = given.id"
)
_ONE = text(f"select {_NAMES} from deployer.deployments where id = :id")
_progress = TypeAdapter(Progress)


class PostgresDeployments:
    """Deployments in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, deployment: Deployment) -> None:
        """Insert one."""
        row = dict(zip(_ALL, _fixed(deployment) + _changing(deployment), strict=True))
        await self._connection.execute(_INSERT, row)

    async def newest_order(self, script_id: str) -> datetime | None:
        """When the script was last ordered, by a deployment that has begun or to settle drift."""
        newest: datetime | None = (await self._connection.execute(_NEWEST, {"script_id": script_id})).scalar()
        return newest

    async def lock(self, ids: Collection[str]) -> list[Deployment]:
        """Deployments, locked in the order of their ids."""
        return [_deployment(row) for row in await self._connection.execute(_LOCK, {"ids": list(ids)})]

    async def claim_looks(self, now: datetime, most: int) -> list[Deployment]:
        """Deployments that are to be looked at, locked; what another transaction holds is passed over."""
        return [_deployment(row) for row in await self._connection.execute(_CLAIM, {"now": now, "most": most})]

    async def open_ended(self, script_id: str | None) -> list[str]:
        """The ids of the deployments (of this script) that wait for late joiners."""
        return list((await self._connection.execute(_OPEN_ENDED, {"script_id": script_id})).scalars())

    async def save(self, deployments: Sequence[Deployment]) -> None:
        """Write what can change of them."""
        rows = ((one.id, *_changing(one)) for one in deployments)
        await self._connection.execute(_SAVE, arrays(_SAVED, rows))

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


def _fixed(one: Deployment) -> tuple[Any, ...]:
    artifact = one.artifact
    return (
        one.id,
        artifact.id,
        artifact.version,
        artifact.hash,
        None if one.bind is None else json.dumps(one.bind),
        one.removes,
        None if one.bindings is None else json.dumps(dict(one.bindings)),
        json.dumps(dict(one.targets)),
        one.rollout.model_dump_json(by_alias=True, exclude_defaults=True),
        one.retry_of,
        one.rollback_of,
        one.created_at,
    )


def _changing(one: Deployment) -> tuple[Any, ...]:
    return (
        one.state.value,
        one.reason,
        one.plan_hash,
        one.total,
        _totals(one.totals),
        _progress.dump_json(one.progress).decode(),
        one.ordered_at,
        one.deadline_at,
        one.next_look_at,
        one.open_ended,
        one.finished_at,
    )


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
        # A policy was checked at the door; what a newer deployer has added to it is none of ours.
        rollout=Rollout.model_validate(row.rollout, extra="ignore"),
        progress=_progress.validate_python(row.progress),
        reason=row.reason,
        plan_hash=row.plan_hash,
        ordered_at=row.ordered_at,
        deadline_at=row.deadline_at,
        next_look_at=row.next_look_at,
        open_ended=row.open_ended,
        retry_of=row.retry_of,
        rollback_of=row.rollback_of,
        removes=row.removes,
        bindings=row.bindings,
    )
