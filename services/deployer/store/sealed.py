"""Every sealed secret, whatever its table, for the rotation of master keys.

What the ring sealed begins with its form and the id of its master key, so the database finds what is still under
another one without opening anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.keeping import SealedRow, Shelf
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
}
_COLUMNS = {"row_id": "text", "content": "bytea"}
_COUNTS = text(
    "select head, sum(secrets) as secrets from ("
    + " union all ".join(
        f"select encode(substring({place.sealed} from 1 for {_HEAD_BYTES}), 'hex') as head, count(*) as secrets "
        f"from {place.table} group by 1"
        # The deployer's own keys are sealed anew by whoever reads them; they count.
        for place in (*_PLACES.values(), _Place("deployer.keys", "key_id", "sealed"))
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
