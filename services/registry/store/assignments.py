"""The `assignments` table, and what the `nodes` table has of sets and policies.

Statements take arrays, so that a batch of heartbeats or a drained node costs as many of them as one account. Rows are
locked in the order of accounts, after the nodes.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.assignment_rows import Over, Place, Unplaced
from services.registry.domain.assignments import Assignment, Origin, Takeover
from services.registry.domain.node import StoredNode
from services.registry.domain.places import Host
from services.registry.store import nodes
from services.registry.store.columns import instants, numbers, texts, unnest
from shared.contracts.assignments import AssignedAccount, AssignmentState

_COLUMNS = {
    "account_id": "text",
    "state": "text",
    "epoch": "bigint",
    "node_id": "text",
    "target": "text",
    "origin": "text",
    "handed_back": "text",
    "in_vault": "text",
    "vault_at": "timestamptz",
    "told_in": "bigint",
    "adopted": "bool",
    "silent_before": "timestamptz",
    "takeover": "text",
    "reason": "text",
    "since": "timestamptz",
}
_NAMES = ", ".join(_COLUMNS)
_OF_S = ", ".join(f"s.{name}" for name in _COLUMNS)
_IDS = "cast(cast(:ids as text) as text[])"

_FIND = text(f"select {_NAMES} from registry.assignments where account_id = any({_IDS})")
_LOCK = text(f"select {_NAMES} from registry.assignments where account_id = any({_IDS}) order by account_id for update")
_MAKE = text(
    f"insert into registry.assignments (account_id) select * from unnest({_IDS}) on conflict (account_id) do nothing"
)
_SAVE = text(
    f"insert into registry.assignments ({_NAMES}) select * from {unnest(_COLUMNS)} on conflict (account_id) do update "
    f"set {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS if name != 'account_id')}"
)
_FORGET = text(f"delete from registry.assignments where account_id = any({_IDS})")
_ASSIGNED_TO = text(
    "select node_id, account_id, epoch, state = 'releasing' as release, silent_before from registry.assignments "
    f"where node_id = any({_IDS}) order by node_id, account_id"
)
_AFTER = text(f"select {_NAMES} from registry.assignments where account_id > :after order by account_id limit :most")

# Reports whose row is not there, may be claimed, or lags behind. What a node that is away has said is no claim: another
# one may have the login by now.
_UNPLACED = text(
    "select a.node_id, a.account_id, coalesce(a.epoch, 0) as epoch "
    "from registry.accounts as a join registry.nodes as n using (node_id) "
    "left join registry.assignments as s using (account_id) where n.status = 'online' "
    "and (a.node_id, a.account_id) > (:after_node, :after_account) and (s.account_id is null or a.epoch > s.epoch "
    "or (coalesce(a.epoch, 0) = 0 and s.state = 'unassigned' and s.origin = 'folder')) "
    "order by a.node_id, a.account_id limit :most"
)
# A login that the vault does not have is waited for, but not from a node that is cut off for good.
_OVER = text(
    f"select {_OF_S}, n.lease_until + cast(:margin as interval) as until "
    "from registry.assignments as s join registry.nodes as n using (node_id) "
    "left join registry.node_keys as k on k.node_id = n.node_id and k.revoked_at is null "
    "where s.state = 'releasing' and (s.in_vault is not null or k.node_id is null) and n.takes_assignments "
    "and n.lease_until < now() - cast(:margin as interval) order by s.node_id, s.account_id limit :most"
)
_OF_DEAD_NODES = text(
    f"select {_OF_S} from registry.nodes as n join registry.assignments as s using (node_id) "
    "where n.status = 'offline' and n.takes_assignments and n.lease_until < now() - cast(:patience as interval) "
    "and s.state = 'assigned' and s.in_vault is not null and coalesce(s.takeover, n.takeover) = 'move' "
    "and (s.node_id, s.account_id) > (:after_node, :after_account) order by s.node_id, s.account_id limit :most"
)
_OF_DRAINING_NODES = text(
    f"select {_OF_S} from registry.nodes as n join registry.assignments as s using (node_id) "
    "where n.draining and n.takes_assignments and s.state = 'assigned' "
    "and (s.node_id, s.account_id) > (:after_node, :after_account) order by s.node_id, s.account_id limit :most"
)

# Locked in their order first: an update takes rows as they lie in the table.
_SILENCE = text(
    f"with theirs as materialized (select account_id from registry.assignments where node_id = any({_IDS}) "
    "order by account_id for update) update registry.assignments as s set silent_before = "
    "greatest(s.silent_before, n.lease_until + cast(:margin as interval)) "
    "from theirs, registry.nodes as n where s.account_id = theirs.account_id and n.node_id = s.node_id"
)

_SETS = {"node_id": "text", "revision": "bigint", "digest": "text", "excluded": "text"}
_SAVE_SETS = text(
    "update registry.nodes as n set assignment_revision = saved.revision, assignment_digest = saved.digest, "
    "excluded = string_to_array(saved.excluded, ' '), updated_at = now() "
    f"from {unnest(_SETS)} as saved ({', '.join(_SETS)}) where n.node_id = saved.node_id"
)
_POLICIES = {"node_id": "text", "takeover": "text", "capacity": "int", "draining": "bool", "keep": "text"}
_SAVE_POLICIES = text(
    "update registry.nodes as n set takeover = saved.takeover, capacity = saved.capacity, draining = saved.draining, "
    "drain_keep = string_to_array(saved.keep, ' '), updated_at = now() "
    f"from {unnest(_POLICIES)} as saved ({', '.join(_POLICIES)}) where n.node_id = saved.node_id"
)


class PostgresAssignments:
    """`AssignmentRows` on one connection."""

    _connection: AsyncConnection

    async def assignments(self, account_ids: Iterable[str]) -> dict[str, Assignment]:
        """The rows, not locked."""
        return await self._rows(_FIND, ids=texts(sorted(set(account_ids))))

    async def lock_assignments(self, account_ids: Iterable[str], make: Iterable[str] = ()) -> dict[str, Assignment]:
        """The rows, locked; missing ones of `make` are made first."""
        if made := sorted(set(make)):
            await self._connection.execute(_MAKE, {"ids": texts(made)})
        return await self._rows(_LOCK, ids=texts(sorted({*account_ids, *made})))

    async def save_assignments(self, rows: Sequence[Assignment]) -> None:
        """Write rows."""
        if rows:
            await self._connection.execute(_SAVE, _columns(rows))

    async def forget_assignments(self, account_ids: Sequence[str]) -> None:
        """Delete rows."""
        if account_ids:
            await self._connection.execute(_FORGET, {"ids": texts(account_ids)})

    async def assigned_to(self, node_ids: Iterable[str]) -> dict[str, list[AssignedAccount]]:
        """What the rows say of these nodes' sets."""
        found: dict[str, list[AssignedAccount]] = {}
        for node_id, account_id, epoch, release, silent_before in await self._connection.execute(
            _ASSIGNED_TO, {"ids": texts(sorted(set(node_ids)))}
        ):
            entry = AssignedAccount.model_construct(
                account_id=account_id, epoch=epoch, release=release, silent_before=silent_before
            )
            found.setdefault(node_id, []).append(entry)
        return found

    async def save_sets(self, nodes_: Sequence[StoredNode]) -> None:
        """Write the names of sets."""
        if nodes_:
            parameters = {
                "node_id": texts([node.node_id for node in nodes_]),
                "revision": numbers([node.assignment_revision for node in nodes_]),
                "digest": texts([node.assignment_digest for node in nodes_]),
                "excluded": texts([" ".join(node.excluded) for node in nodes_]),
            }
            await self._connection.execute(_SAVE_SETS, parameters)

    async def save_policies(self, nodes_: Sequence[StoredNode]) -> None:
        """Write what is wanted of nodes."""
        if nodes_:
            parameters = {
                "node_id": texts([node.node_id for node in nodes_]),
                "takeover": texts([node.policy.takeover for node in nodes_]),
                "capacity": numbers([node.policy.capacity for node in nodes_]),
                "draining": numbers([int(node.policy.draining) for node in nodes_]),
                "keep": texts([" ".join(node.policy.keep) for node in nodes_]),
            }
            await self._connection.execute(_SAVE_POLICIES, parameters)

    async def silence(self, node_ids: Iterable[str], margin: timedelta) -> None:
        """What was answered until the leases end is known to nobody."""
        await self._connection.execute(_SILENCE, {"ids": texts(sorted(node_ids)), "margin": margin})

    async def unplaced(self, after: Place, most: int) -> list[Unplaced]:
        """Reports that no row answers to."""
        rows = await self._connection.execute(_UNPLACED, _after(after, most))
        return [Unplaced(row.node_id, row.account_id, row.epoch) for row in rows]

    async def over(self, margin: timedelta, most: int) -> list[Over]:
        """Releases whose node's lease is over."""
        rows = await self._connection.execute(_OVER, {"margin": margin, "most": most})
        return [Over(_stored(row), row.until) for row in rows]

    async def of_dead_nodes(self, patience: timedelta, after: Place, most: int) -> list[Assignment]:
        """Accounts that move because their node is dead."""
        return list((await self._rows(_OF_DEAD_NODES, patience=patience, **_after(after, most))).values())

    async def of_draining_nodes(self, after: Place, most: int) -> list[Assignment]:
        """Accounts that draining nodes still have."""
        return list((await self._rows(_OF_DRAINING_NODES, **_after(after, most))).values())

    async def hosts(self, node_ids: Iterable[str] | None = None) -> list[Host]:
        """Nodes as places for accounts."""
        return await nodes.hosts(self._connection, node_ids)

    async def assignments_after(self, account_id: str, most: int) -> list[Assignment]:
        """The next rows by account."""
        return list((await self._rows(_AFTER, after=account_id, most=most)).values())

    async def _rows(self, statement: Any, **parameters: object) -> dict[str, Assignment]:
        return {row.account_id: _stored(row) for row in await self._connection.execute(statement, parameters)}


def _after(place: Place, most: int) -> dict[str, Any]:
    return {"after_node": place[0], "after_account": place[1], "most": most}


def _stored(row: Any) -> Assignment:
    return Assignment(
        account_id=row.account_id,
        state=AssignmentState(row.state),
        epoch=row.epoch,
        node_id=row.node_id,
        target=row.target,
        origin=Origin(row.origin),
        handed_back=row.handed_back,
        in_vault=row.in_vault,
        vault_at=row.vault_at,
        told_in=row.told_in,
        adopted=row.adopted,
        silent_before=row.silent_before,
        takeover=None if row.takeover is None else Takeover(row.takeover),
        reason=row.reason,
        since=row.since,
    )


def _columns(rows: Sequence[Assignment]) -> dict[str, str]:
    return {
        "account_id": texts([row.account_id for row in rows]),
        "state": texts([row.state for row in rows]),
        "epoch": numbers([row.epoch for row in rows]),
        "node_id": texts([row.node_id for row in rows]),
        "target": texts([row.target for row in rows]),
        "origin": texts([row.origin for row in rows]),
        "handed_back": texts([row.handed_back for row in rows]),
        "in_vault": texts([row.in_vault for row in rows]),
        "vault_at": instants([row.vault_at for row in rows]),
        "told_in": numbers([row.told_in for row in rows]),
        "adopted": numbers([int(row.adopted) for row in rows]),
        "silent_before": instants([row.silent_before for row in rows]),
        "takeover": texts([row.takeover for row in rows]),
        "reason": texts([row.reason for row in rows]),
        "since": instants([row.since for row in rows]),
    }
