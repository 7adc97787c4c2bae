"""The tables `enrolments`, `node_keys` and `deployer_keys`: who may join, who has joined, whose orders nodes take."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.broker_access import NodeLogin
from services.registry.domain.enrolments import Enrolment, KeyPair, NodeKeys
from shared.contracts.keys import TrustedKeys
from shared.db import Database

_ENROLMENT = (
    "enrolment_id, token_hash, node_id, cast(labels as text) as labels, created_by, created_at, expires_at, used_at, "
    "used_sealing_key, used_signing_key, used_node_id"
)
_NODE = (
    "node_id, sealing_key, signing_key, broker_hash, token_hash, enrolment_id, enrolled_at, changed_at, revoked_at, "
    "revoked_by"
)
_ADD = text(
    "insert into registry.enrolments (enrolment_id, token_hash, node_id, labels, created_by, created_at, expires_at) "
    "values (:enrolment_id, :token_hash, :node_id, cast(:labels as jsonb), :created_by, :created_at, :expires_at)"
)
_LOCK = text(f"select {_ENROLMENT} from registry.enrolments where token_hash = :token_hash for update")
_USE = text(
    "update registry.enrolments set used_at = :used_at, used_sealing_key = :sealing, used_signing_key = :signing, "
    "used_node_id = :node_id where enrolment_id = :enrolment_id"
)
_FORGET = text("delete from registry.enrolments where expires_at < :before")
# The row of a node that nobody has yet cannot be locked: this lock is on its name.
_LOCK_NAME = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
_LOCK_NODE = text(f"select {_NODE} from registry.node_keys where node_id = :node_id for update")
_NODE_ROW = text(f"select {_NODE} from registry.node_keys where node_id = :node_id")
_SAVE_NODE = text(
    f"insert into registry.node_keys ({_NODE}) values (:node_id, :sealing_key, :signing_key, :broker_hash, "
    ":token_hash, :enrolment_id, :enrolled_at, :changed_at, :revoked_at, :revoked_by) "
    "on conflict (node_id) do update set "
    + ", ".join(f"{name} = excluded.{name}" for name in _NODE.split(", ") if name != "node_id")
)
_KEEP_KEYS = text(
    "insert into registry.deployer_keys as k (serial, body) values (:serial, :body) on conflict (only_one) do update "
    "set serial = excluded.serial, body = excluded.body where k.serial < excluded.serial returning 1"
)
_KEYS = text("select body from registry.deployer_keys")
_NODE_OF = text("select node_id from registry.node_keys where token_hash = :token_hash and revoked_at is null")
_LOGINS = text("select node_id, broker_hash from registry.node_keys where revoked_at is null")
_REVOKED = text("select node_id from registry.node_keys where revoked_at is not null")
_STANDING = text(
    "select concat_ws(' ', count(*), count(revoked_at), sum(extract(epoch from changed_at))) from registry.node_keys"
)


class PostgresAccessTransaction:
    """An `AccessTransaction` on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_enrolment(self, enrolment: Enrolment) -> None:
        """Keep a new token."""
        await self._connection.execute(
            _ADD,
            {
                "enrolment_id": enrolment.enrolment_id,
                "token_hash": enrolment.token_hash,
                "node_id": enrolment.node_id,
                "labels": json.dumps(enrolment.labels),
                "created_by": enrolment.created_by,
                "created_at": enrolment.created_at,
                "expires_at": enrolment.expires_at,
            },
        )

    async def lock_enrolment(self, token_hash: str) -> Enrolment | None:
        """The token of this hash, locked."""
        row = (await self._connection.execute(_LOCK, {"token_hash": token_hash})).one_or_none()
        return None if row is None else _enrolment(row)

    async def save_enrolment(self, enrolment: Enrolment) -> None:
        """Write who has used a token."""
        by = enrolment.used_by
        await self._connection.execute(
            _USE,
            {
                "enrolment_id": enrolment.enrolment_id,
                "used_at": enrolment.used_at,
                "sealing": by.sealing if by else None,
                "signing": by.signing if by else None,
                "node_id": enrolment.used_node_id,
            },
        )

    async def forget_enrolments(self, ended_before: datetime) -> int:
        """Delete old tokens."""
        return (await self._connection.execute(_FORGET, {"before": ended_before})).rowcount

    async def lock_node(self, node_id: str) -> NodeKeys | None:
        """The keys of a node, locked, and its name."""
        await self._connection.execute(_LOCK_NAME, {"name": f"registry.node_keys {node_id}"})
        row = (await self._connection.execute(_LOCK_NODE, {"node_id": node_id})).one_or_none()
        return None if row is None else _node(row)

    async def save_node(self, node: NodeKeys) -> None:
        """Write a node."""
        await self._connection.execute(
            _SAVE_NODE,
            {
                "node_id": node.node_id,
                "sealing_key": node.keys.sealing,
                "signing_key": node.keys.signing,
                "broker_hash": node.broker_hash,
                "token_hash": node.token_hash,
                "enrolment_id": node.enrolment_id,
                "enrolled_at": node.enrolled_at,
                "changed_at": node.changed_at,
                "revoked_at": node.revoked_at,
                "revoked_by": node.revoked_by,
            },
        )

    async def keep_keys(self, keys: TrustedKeys) -> bool:
        """Keep the deployer's keys, unless newer ones are there."""
        given = {"serial": keys.serial, "body": keys.model_dump_json()}
        return (await self._connection.execute(_KEEP_KEYS, given)).one_or_none() is not None

    async def trusted_keys(self) -> TrustedKeys | None:
        """The deployer's newest keys."""
        body = (await self._connection.execute(_KEYS)).scalar_one_or_none()
        return None if body is None else TrustedKeys.model_validate_json(body)


class PostgresAccess:
    """`AccessStore` on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresAccessTransaction]:
        """A transaction."""
        async with self._database.begin() as connection:
            yield PostgresAccessTransaction(connection)

    async def node(self, node_id: str) -> NodeKeys | None:
        """The keys of a node."""
        async with self._database.begin() as connection:
            row = (await connection.execute(_NODE_ROW, {"node_id": node_id})).one_or_none()
        return None if row is None else _node(row)

    async def node_of(self, token_hash: str) -> str | None:
        """The node whose own token this is."""
        async with self._database.begin() as connection:
            return (await connection.execute(_NODE_OF, {"token_hash": token_hash})).scalar_one_or_none()

    async def logins(self) -> list[NodeLogin]:
        """The logins that the broker shall have."""
        async with self._database.begin() as connection:
            return [NodeLogin(row.node_id, row.broker_hash) for row in await connection.execute(_LOGINS)]

    async def revoked(self) -> set[str]:
        """The nodes that are cut off."""
        async with self._database.begin() as connection:
            return {row.node_id for row in await connection.execute(_REVOKED)}

    async def standing(self) -> str:
        """A text that changes with every node that joins or is revoked."""
        async with self._database.begin() as connection:
            return str((await connection.execute(_STANDING)).scalar_one())


def _enrolment(row: Any) -> Enrolment:
    by = None if row.used_sealing_key is None else KeyPair(row.used_sealing_key, row.used_signing_key)
    return Enrolment(
        enrolment_id=row.enrolment_id,
        token_hash=row.token_hash,
        node_id=row.node_id,
        labels=json.loads(row.labels),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        used_by=by,
        used_node_id=row.used_node_id,
    )


def _node(row: Any) -> NodeKeys:
    return NodeKeys(
        node_id=row.node_id,
        keys=KeyPair(row.sealing_key, row.signing_key),
        broker_hash=row.broker_hash,
        token_hash=row.token_hash,
        enrolment_id=row.enrolment_id,
        enrolled_at=row.enrolled_at,
        changed_at=row.changed_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )
