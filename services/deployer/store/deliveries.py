"""The table `deliveries`: claimed, locked and written in sets.

The `claim`s pass over rows that another transaction holds, so that replicas share the work; the `lock`s wait, in the
order of the ids, so that they never wait for each other in a circle.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.delivery_rows import DueDelivery
from services.deployer.domain.rollout import DEFAULT_LIMITS, Limits, Window
from services.deployer.store.columns import arrays, unnest
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState

_FIXED = {
    "id": "text",
    "deployment_id": "text",
    "node_id": "text",
    "script_id": "text",
    "version": "int",
    "hash": "text",
    "group_no": "int",
    "zone": "text",
    "limits": "jsonb",
    "removes": "boolean",
    "deadline_at": "timestamptz",
    "created_at": "timestamptz",
}
_CHANGING = {
    "state": "text",
    "reason": "text",
    "cause": "text",
    "attempts": "int",
    "failed_attempts": "jsonb",
    "reported_hash": "text",
    "released": "boolean",
    "next_attempt_at": "timestamptz",
    "entered_at": "timestamptz",
    "updated_at": "timestamptz",
}
_ALL = _FIXED | _CHANGING
_SAVED = {"id": "text"} | _CHANGING
_ROW = ", ".join(f"d.{name}" for name in _ALL)

_INSERT = text(
    f"insert into deployer.deliveries ({', '.join(_ALL)}) select * from {unnest(_ALL)} as given ({', '.join(_ALL)})"
)
_CLAIM = text(
    f"select {_ROW}, coalesce(n.status = 'online', false) as node_online, "
    "p.bind, p.bindings, p.rollout -> 'window' as its_window from deployer.deliveries as d "
    "join deployer.deployments as p on p.id = d.deployment_id left join deployer.nodes as n on n.node_id = d.node_id "
    "where not d.final and d.next_attempt_at <= :now order by d.next_attempt_at limit :most "
    "for update of d skip locked"
)
_LOCK = text(
    f"select {_ROW} from deployer.deliveries as d where d.id in (select unnest(cast(:ids as text[])) union "
    "select o.id from deployer.deliveries as o where not o.final and o.node_id = any(cast(:open_at as text[]))) "
    "order by d.id for update of d"
)
_LOCK_OPEN = text(
    f"select {_ROW} from deployer.deliveries as d where not d.final and d.script_id = :script_id "
    "and d.node_id = any(cast(:node_ids as text[])) order by d.id for update"
)
_LOCK_OF = text(
    f"select {_ROW} from deployer.deliveries as d where not d.final and d.deployment_id = :deployment_id "
    "order by d.id for update"
)
_HELD = text(
    f"select {_ROW} from deployer.deliveries as d where not d.final and not d.released "
    "and d.deployment_id = :deployment_id and d.group_no = :group_no "
    "and (cast(:zones as text[]) is null or d.zone = any(cast(:zones as text[]))) "
    "order by d.node_id limit :most for update skip locked"
)
_UNSENT = text(
    f"select {_ROW} from deployer.deliveries as d where not d.final and d.released and d.state = 'pending' "
    "and d.deployment_id = :deployment_id order by d.id for update skip locked"
)
_APPLIED = text(
    f"select {_ROW} from deployer.deliveries as d where not d.final and d.script_id = :script_id "
    "and d.node_id = any(cast(:node_ids as text[])) and d.state = 'applied' order by d.id"
)
_IN_STATES = text(
    f"select {_ROW} from deployer.deliveries as d where d.deployment_id = :deployment_id "
    "and d.state = any(cast(:states as text[])) order by d.node_id"
)
_SAVE = text(
    f"update deployer.deliveries as d set {', '.join(f'{name} = given.{name}' for name in _CHANGING)} "
    f"from {unnest(_SAVED)} as given ({', '.join(_SAVED)}) where d.id = given.id"
)
_PULL = text(
    "with sent as (select d.id from deployer.deliveries as d join deployer.nodes as n on n.node_id = d.node_id "
    "where d.id = any(cast(:ids as text[])) and not d.final and d.attempts > 0 and n.status = 'online' "
    "order by d.id for update of d skip locked) "
    "update deployer.deliveries as d set next_attempt_at = least(d.next_attempt_at, cast(:at as timestamptz)) "
    "from sent where d.id = sent.id"
)
_PAGE = text(
    f"select {_ROW} from deployer.deliveries as d where d.deployment_id = :deployment_id and d.node_id > :after "
    "order by d.node_id limit :limit"
)


class PostgresDeliveries:
    """Deliveries in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, deliveries: Sequence[Delivery]) -> None:
        """Insert any number in one statement."""
        rows = (_fixed(delivery) + _changing(delivery) for delivery in deliveries)
        await self._connection.execute(_INSERT, arrays(_ALL, rows))

    async def claim_due(self, now: datetime, most: int) -> list[DueDelivery]:
        """Deliveries that are due, locked; what another transaction holds is passed over."""
        rows = await self._connection.execute(_CLAIM, {"now": now, "most": most})
        return [_due(row) for row in rows]

    async def lock(self, ids: Collection[str], open_at: Collection[str]) -> list[Delivery]:
        """The deliveries with these ids and the non-final ones of the nodes `open_at`, locked by id."""
        rows = await self._connection.execute(_LOCK, {"ids": list(ids), "open_at": list(open_at)})
        return [_delivery(row) for row in rows]

    async def lock_open(self, script_id: str, node_ids: Collection[str]) -> list[Delivery]:
        """The non-final deliveries of a script to these nodes, locked by id."""
        rows = await self._connection.execute(_LOCK_OPEN, {"script_id": script_id, "node_ids": list(node_ids)})
        return [_delivery(row) for row in rows]

    async def lock_of(self, deployment_id: str) -> list[Delivery]:
        """The non-final deliveries of a deployment, locked by id."""
        rows = await self._connection.execute(_LOCK_OF, {"deployment_id": deployment_id})
        return [_delivery(row) for row in rows]

    async def claim_held(
        self, deployment_id: str, group: int, zones: Sequence[str] | None, most: int
    ) -> list[Delivery]:
        """Deliveries of a group that are held back (in these time zones), by node; locked ones are passed over."""
        chosen = None if zones is None else list(zones)
        asked = {"deployment_id": deployment_id, "group_no": group, "zones": chosen, "most": most}
        return [_delivery(row) for row in await self._connection.execute(_HELD, asked)]

    async def claim_unsent(self, deployment_id: str) -> list[Delivery]:
        """Pending deliveries of a deployment that are released; locked ones are passed over."""
        rows = await self._connection.execute(_UNSENT, {"deployment_id": deployment_id})
        return [_delivery(row) for row in rows]

    async def applied(self, script_id: str, node_ids: Collection[str]) -> list[Delivery]:
        """The deliveries of a script that these nodes have applied, and that are not verified; not locked."""
        rows = await self._connection.execute(_APPLIED, {"script_id": script_id, "node_ids": list(node_ids)})
        return [_delivery(row) for row in rows]

    async def in_states(self, deployment_id: str, states: Collection[DeliveryState]) -> list[Delivery]:
        """The deliveries of a deployment in these states, by node id."""
        asked = {"deployment_id": deployment_id, "states": [state.value for state in states]}
        return [_delivery(row) for row in await self._connection.execute(_IN_STATES, asked)]

    async def save(self, deliveries: Sequence[Delivery]) -> None:
        """Write what can change of them."""
        rows = ((delivery.id, *_changing(delivery)) for delivery in deliveries)
        await self._connection.execute(_SAVE, arrays(_SAVED, rows))

    async def pull_forward(self, ids: Collection[str], at: datetime) -> None:
        """Deliveries that were sent to nodes that are online are due by then; locked ones are passed over."""
        await self._connection.execute(_PULL, {"ids": list(ids), "at": at})

    async def page(self, deployment_id: str, after: str | None, limit: int) -> list[Delivery]:
        """The deliveries of a deployment, by node id."""
        asked = {"deployment_id": deployment_id, "after": after or "", "limit": limit}
        return [_delivery(row) for row in await self._connection.execute(_PAGE, asked)]


def _fixed(delivery: Delivery) -> tuple[Any, ...]:
    artifact = delivery.artifact
    return (
        delivery.id,
        delivery.deployment_id,
        delivery.node_id,
        artifact.id,
        artifact.version,
        artifact.hash,
        delivery.group,
        delivery.zone,
        None if delivery.limits is DEFAULT_LIMITS else delivery.limits.model_dump_json(exclude_defaults=True),
        delivery.removes,
        delivery.deadline_at,
        delivery.created_at,
    )


def _changing(delivery: Delivery) -> tuple[Any, ...]:
    return (
        delivery.state.value,
        delivery.reason,
        None if delivery.cause is None else delivery.cause.value,
        delivery.attempts,
        json.dumps(delivery.failed_attempts),
        delivery.reported_hash,
        delivery.released,
        delivery.next_attempt_at,
        delivery.entered_at,
        delivery.updated_at,
    )


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row.id,
        deployment_id=row.deployment_id,
        node_id=row.node_id,
        artifact=Artifact(id=row.script_id, version=row.version, hash=row.hash),
        next_attempt_at=row.next_attempt_at,
        deadline_at=row.deadline_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        entered_at=row.entered_at,
        state=DeliveryState(row.state),
        reason=row.reason,
        cause=None if row.cause is None else FailureCause(row.cause),
        attempts=row.attempts,
        failed_attempts=tuple(row.failed_attempts),
        reported_hash=row.reported_hash,
        group=row.group_no,
        zone=row.zone,
        released=row.released,
        limits=DEFAULT_LIMITS if row.limits is None else Limits.model_validate(row.limits, extra="ignore"),
        removes=row.removes,
    )


def _due(row: Any) -> DueDelivery:
    return DueDelivery(_delivery(row), row.node_online, row.bind, _window(row.its_window), row.bindings)


def _window(kept: Any) -> Window | None:
    return None if kept is None else Window.model_validate(kept, extra="ignore")
