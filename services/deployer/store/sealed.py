"""Every sealed secret, whatever its table, for the rotation of master keys; and the table `key_pairs`.

What the ring sealed begins with its form and the id of its master key, so the database finds what is still under
another one without opening anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.keeping import KeptPair, KeyUse, SealedRow, Shelf
from services.deployer.store.columns import arrays, unnest

_FORM = "02"
_HEAD_BYTES = 9


@dataclass(frozen=True)
class _Place:
    table: str
    key: str
    sealed: str


_PLACES = {
    Shelf.SESSION_KEYS: _Place("deployer.sessions", "account_id", "data_key"),
    Shelf.SERVER_LOGINS: _Place("deployer.server_logins", "server_id", "sealed"),
    Shelf.KEY_PAIRS: _Place("deployer.key_pairs", "key_id", "sealed"),
}
_COLUMNS = {"row_id": "text", "content": "bytea"}
_COUNTS = text(
    "select head, sum(secrets) as secrets from ("
    + " union all ".join(
        f"select encode(substring({place.sealed} from 1 for {_HEAD_BYTES}), 'hex') as head, count(*) as secrets "
        f"from {place.table} group by 1"
        for place in _PLACES.values()
    )
    + ") as each group by head"
)
_CLAIM = {
    shelf: text(
        f"select {place.key} as row_id, {place.sealed} as sealed from {place.table} "
        f"where substring({place.sealed} from 1 for {_HEAD_BYTES}) <> decode(:head, 'hex') "
        f"order by {place.key} limit :most for update skip locked"
    )
    for shelf, place in _PLACES.items()
}
_PUT = {
    shelf: text(
        f"update {place.table} as t set {place.sealed} = given.content "
        f"from {unnest(_COLUMNS)} as given (row_id, content) where t.{place.key} = given.row_id"
    )
    for shelf, place in _PLACES.items()
}

# Any number that nothing else locks by; only held for the moment in which a replica makes its first pair.
_PAIRS_LOCK = 0x0CA11_5EA1
_LOCK = text(f"select pg_advisory_xact_lock({_PAIRS_LOCK})")
_PAIRS = text(
    "select key_id, use, public, sealed, created_at from deployer.key_pairs where use = :use "
    "order by created_at desc, key_id"
)
_ADD = text(
    "insert into deployer.key_pairs (key_id, use, public, sealed, created_at) "
    "values (:key_id, :use, :public, :sealed, :created_at)"
)
_REMOVE = text("delete from deployer.key_pairs where key_id = :key_id")


class PostgresSealed:
    """Sealed secrets in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def counts(self) -> Mapping[str, int]:
        """How many secrets are sealed under each master key."""
        counts: dict[str, int] = {}
        for row in await self._connection.execute(_COUNTS):
            name = row.head[len(_FORM) :] if row.head.startswith(_FORM) else "former"
            counts[name] = counts.get(name, 0) + int(row.secrets)
        return counts

    async def claim(self, key_id: str, most: int) -> list[SealedRow]:
        """Some secrets that are sealed under another key, locked."""
        found: list[SealedRow] = []
        for shelf, claim in _CLAIM.items():
            rows = await self._connection.execute(claim, {"head": _FORM + key_id, "most": most - len(found)})
            found += [SealedRow(shelf, row.row_id, bytes(row.sealed)) for row in rows]
        return found

    async def put(self, rows: Sequence[SealedRow]) -> None:
        """Write secrets."""
        for shelf, put in _PUT.items():
            ours = [(row.row_id, row.sealed) for row in rows if row.shelf is shelf]
            if ours:
                await self._connection.execute(put, arrays(_COLUMNS, ours))


class PostgresKeyPairs:
    """Key pairs in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, use: KeyUse) -> list[KeptPair]:
        """The pairs for one use, the newest first."""
        return [_pair(row) for row in await self._connection.execute(_PAIRS, {"use": use.value})]

    async def lock(self) -> None:
        """Keep other transactions from adding a pair."""
        await self._connection.execute(_LOCK)

    async def add(self, pair: KeptPair) -> None:
        """Insert one."""
        row = {"key_id": pair.key_id, "use": pair.use.value, "public": pair.public}
        await self._connection.execute(_ADD, row | {"sealed": pair.sealed, "created_at": pair.created_at})

    async def remove(self, key_id: str) -> None:
        """Forget one."""
        await self._connection.execute(_REMOVE, {"key_id": key_id})


def _pair(row: Any) -> KeptPair:
    return KeptPair(row.key_id, KeyUse(row.use), bytes(row.public), bytes(row.sealed), row.created_at)
