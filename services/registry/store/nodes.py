"""The `nodes` table: locking, saving, expiring and reading nodes.

Whoever writes anything of a node holds its row's lock, and locks are taken in the order of ids, so that two
replicas with the same nodes in their batches wait for each other and never in a circle.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.assignments import Takeover
from services.registry.domain.node import NodePolicy, StoredNode
from services.registry.domain.places import Host
from services.registry.domain.views import NodeQuestion, NodeView, RefusedView
from services.registry.store.columns import literal, numbers, texts, unnest
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import NodeFacts, RefusedOrders, Resources

_ARTIFACTS: TypeAdapter[tuple[AppliedArtifact, ...]] = TypeAdapter(tuple[AppliedArtifact, ...])
_LABELS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])

_SAVED = {
    "node_id": "text",
    "status": "text",
    "source": "text",
    "hostname": "text",
    "agent_version": "text",
    "time_zone": "text",
    "keys_serial": "bigint",
    "refused": "text",
    "labels": "text",
    "boot": "bigint",
    "seq": "bigint",
    "digest": "text",
    "recent_digests": "text",
    "ledger_id": "text",
    "changes_through": "bigint",
    "account_count": "bigint",
    "artifacts": "text",
    "resources": "text",
    "takes_assignments": "bool",
}
# Arrays of arrays do not unnest into rows of arrays and JSON has no array type here: these travel as text.
_AS_WRITTEN = {
    "labels": "cast(saved.labels as jsonb)",
    "artifacts": "cast(saved.artifacts as jsonb)",
    "resources": "cast(saved.resources as jsonb)",
    "recent_digests": "string_to_array(saved.recent_digests, ' ')",
}

# Of a node that has joined and was not revoked.
_SEALING_KEY = (
    "(select k.sealing_key from registry.node_keys as k where k.node_id = nodes.node_id and k.revoked_at is null) "
    "as sealing_key"
)
_COLUMNS = (
    "node_id, status, source, hostname, agent_version, time_zone, keys_serial, refused, "
    "cast(labels as text) as labels, boot, seq, digest, "
    "recent_digests, ledger_id, changes_through, account_count, cast(artifacts as text) as artifacts, "
    "cast(resources as text) as resources, "
    "takes_assignments, assignment_revision, assignment_digest, excluded, takeover, capacity, draining, drain_keep, "
    f"{_SEALING_KEY}, coalesce(held_until > now(), false) as held"
)
_ASSIGNED = "(select count(*) from registry.assignments as s where s.node_id = nodes.node_id) as assigned"
_TIMES = "lease_until, last_heartbeat_at, created_at, updated_at"

# Never earlier than what is out already: the lease may have been made shorter, and its last grant may be lost.
_RENEWED = "greatest(lease_until, now() + make_interval(secs => :lease))"
_RENEW = text(f"update registry.nodes set lease_until = {_RENEWED} where node_id = any(:ids)")
_HOLD = text(
    "update registry.nodes set held_until = greatest(held_until, lease_until + cast(:margin as interval)) "
    "where node_id = any(:ids) and lease_until > now() - cast(:margin as interval) returning node_id"
)
# `no key`: a row that only refers to a node (an hour of an account's) neither waits for who has the node nor keeps them
# waiting. Everybody who locks a node still waits for everybody else who does.
_LOCK = text(f"select {_COLUMNS} from registry.nodes where node_id = any(:ids) order by node_id for no key update")
_MAKE = text(
    "insert into registry.nodes (node_id) select * from unnest(cast(:ids as text[])) on conflict (node_id) do nothing"
)
_SAVE = text(
    "update registry.nodes as n set "
    + ", ".join(f"{name} = {_AS_WRITTEN.get(name, 'saved.' + name)}" for name in _SAVED if name != "node_id")
    + f", lease_until = {_RENEWED}, last_heartbeat_at = now(), updated_at = now() "
    f"from {unnest(_SAVED)} as saved ({', '.join(_SAVED)}) where n.node_id = saved.node_id"
)
# A node whose lease is being renewed right now is locked and is not dead: skip it.
_EXPIRE = text(
    "update registry.nodes set status = 'offline', updated_at = now() where node_id in (select node_id "
    "from registry.nodes where status = 'online' and lease_until < now() order by node_id limit :most "
    f"for no key update skip locked) returning {_COLUMNS}"
)
_AFTER = text(f"select {_COLUMNS} from registry.nodes where node_id > :after order by node_id limit :most")
_LIST = text(
    f"select {_COLUMNS}, {_TIMES}, {_ASSIGNED} from registry.nodes where node_id > :after "
    "and (cast(:status as text) is null or status = :status) "
    "and (cast(:source as text) is null or source = :source) "
    "and (cast(:label_name as text) is null or labels ->> :label_name = :label) "
    "and (cast(:q as text) is null or node_id ilike :q or hostname ilike :q) order by node_id limit :most"
)
_ONE = text(f"select {_COLUMNS}, {_TIMES}, {_ASSIGNED} from registry.nodes where node_id = :node_id")
# A node counts for its target too: what is on its way will be there.
_HOSTS = text(
    f"select node_id, status, cast(labels as text) as labels, takes_assignments, {_SEALING_KEY}, takeover, capacity, "
    "draining, drain_keep, coalesce(had.accounts, 0) as accounts from registry.nodes left join ("
    " select node_id, count(*) as accounts from ("
    "  select node_id from registry.assignments where node_id is not null union all"
    "  select target from registry.assignments where target is distinct from node_id and target is not null"
    " ) as place (node_id) where cast(:ids as text[]) is null or node_id = any(:ids) group by node_id"
    ") as had using (node_id) where cast(:ids as text[]) is null or node_id = any(:ids) order by node_id"
)


async def lock(connection: AsyncConnection, node_ids: Iterable[str]) -> dict[str, StoredNode]:
    """The nodes, locked; missing ones are made first."""
    wanted = sorted(set(node_ids))
    found = {row.node_id: _stored(row) for row in await connection.execute(_LOCK, {"ids": wanted})}
    missing = [node_id for node_id in wanted if node_id not in found]
    if missing:
        await connection.execute(_MAKE, {"ids": missing})
        found |= {row.node_id: _stored(row) for row in await connection.execute(_LOCK, {"ids": missing})}
    return found


async def save(connection: AsyncConnection, nodes: Sequence[StoredNode], lease_seconds: float) -> None:
    """Write nodes that have beaten and renew their leases."""
    if not nodes:
        return
    parameters: dict[str, Any] = {
        "lease": lease_seconds,
        "node_id": texts([node.node_id for node in nodes]),
        "status": texts([node.status.value for node in nodes]),
        "source": texts([node.facts.source for node in nodes]),
        "hostname": texts([node.facts.hostname for node in nodes]),
        "agent_version": texts([node.facts.agent_version for node in nodes]),
        "time_zone": texts([node.facts.time_zone for node in nodes]),
        "keys_serial": numbers([node.facts.keys_serial for node in nodes]),
        "refused": texts([_written(node.facts.refused) for node in nodes]),
        "labels": texts([_LABELS.dump_json(node.facts.labels).decode() for node in nodes]),
        "boot": numbers([node.boot for node in nodes]),
        "seq": numbers([node.seq for node in nodes]),
        "digest": texts([node.digest for node in nodes]),
        "recent_digests": texts([" ".join(node.recent_digests) for node in nodes]),
        "ledger_id": texts([node.ledger_id for node in nodes]),
        "changes_through": numbers([node.changes_through for node in nodes]),
        "account_count": numbers([node.account_count for node in nodes]),
        "artifacts": texts([_ARTIFACTS.dump_json(node.artifacts).decode() for node in nodes]),
        "resources": texts([_written(node.resources) for node in nodes]),
        "takes_assignments": numbers([int(node.takes_assignments) for node in nodes]),
    }
    await connection.execute(_SAVE, parameters)


async def renew(connection: AsyncConnection, node_ids: Iterable[str], lease_seconds: float) -> None:
    """Renew the leases of nodes of which nothing else is written."""
    await connection.execute(_RENEW, {"ids": sorted(node_ids), "lease": lease_seconds})


async def hold(connection: AsyncConnection, node_ids: Iterable[str], margin: timedelta) -> set[str]:
    """Hold nodes until their leases have ended; those that have one."""
    return {row.node_id for row in await connection.execute(_HOLD, {"ids": sorted(node_ids), "margin": margin})}


async def expire(connection: AsyncConnection, most: int) -> list[StoredNode]:
    """Make nodes offline whose lease has ended."""
    return [_stored(row) for row in await connection.execute(_EXPIRE, {"most": most})]


async def after(connection: AsyncConnection, node_id: str, most: int) -> list[StoredNode]:
    """The next nodes by id."""
    return [_stored(row) for row in await connection.execute(_AFTER, {"after": node_id, "most": most})]


async def views(connection: AsyncConnection, question: NodeQuestion, node_id: str, most: int) -> list[NodeView]:
    """The next nodes by id, for the API."""
    name, value = question.label or (None, None)
    parameters = {
        "after": node_id,
        "most": most,
        "status": question.status.value if question.status else None,
        "source": question.source,
        "label_name": name,
        "label": value,
        "q": f"%{literal(question.q)}%" if question.q else None,
    }
    return [_view(row) for row in await connection.execute(_LIST, parameters)]


async def view(connection: AsyncConnection, node_id: str) -> NodeView | None:
    """One node, for the API."""
    row = (await connection.execute(_ONE, {"node_id": node_id})).one_or_none()
    return None if row is None else _view(row)


async def hosts(connection: AsyncConnection, node_ids: Iterable[str] | None) -> list[Host]:
    """Nodes as places for accounts; all of them for None."""
    asked = None if node_ids is None else sorted(set(node_ids))
    return [
        Host(
            node_id=row.node_id,
            status=NodeStatus(row.status),
            labels=_LABELS.validate_json(row.labels),
            takes_assignments=row.takes_assignments,
            sealing_key=row.sealing_key,
            policy=_policy(row),
            accounts=row.accounts,
        )
        for row in await connection.execute(_HOSTS, {"ids": asked})
    ]


def _policy(row: Any) -> NodePolicy:
    return NodePolicy(Takeover(row.takeover), row.capacity, row.draining, tuple(row.drain_keep))


def _stored(row: Any) -> StoredNode:
    return StoredNode(
        node_id=row.node_id,
        status=NodeStatus(row.status),
        facts=NodeFacts.model_construct(
            source=row.source,
            hostname=row.hostname,
            agent_version=row.agent_version,
            time_zone=row.time_zone,
            keys_serial=row.keys_serial,
            refused=_refused(row),
            labels=_LABELS.validate_json(row.labels),
        ),
        artifacts=_ARTIFACTS.validate_json(row.artifacts),
        account_count=row.account_count,
        boot=row.boot,
        seq=row.seq,
        digest=row.digest,
        recent_digests=tuple(row.recent_digests),
        ledger_id=row.ledger_id,
        changes_through=row.changes_through,
        resources=_resources(row),
        takes_assignments=row.takes_assignments,
        sealing_key=row.sealing_key,
        assignment_revision=row.assignment_revision,
        assignment_digest=row.assignment_digest,
        excluded=tuple(row.excluded),
        held=row.held,
        policy=_policy(row),
    )


def _view(row: Any) -> NodeView:
    columns = {name: value for name, value in row._mapping.items() if name in NodeView.model_fields}
    refused = _refused(row)
    columns |= {"refused": None if refused is None else RefusedView.model_validate(refused)}
    columns |= {"labels": _LABELS.validate_json(row.labels), "artifacts": _ARTIFACTS.validate_json(row.artifacts)}
    columns |= {"resources": _resources(row)}
    columns |= {"enrolled": row.sealing_key is not None}
    return NodeView(**columns)


def _refused(row: Any) -> RefusedOrders | None:
    return None if row.refused is None else RefusedOrders.model_validate_json(row.refused)


def _resources(row: Any) -> Resources | None:
    return None if row.resources is None else Resources.model_validate_json(row.resources)


def _written(part: RefusedOrders | Resources | None) -> str | None:
    return None if part is None else part.model_dump_json()
