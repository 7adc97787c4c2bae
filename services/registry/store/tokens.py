"""Tokens in PostgreSQL. Their times are the database's, so that all replicas agree on when one ends."""

from typing import Any

from sqlalchemy import text

from services.registry.domain.tokens import NameTaken, NewToken, Token
from shared.contracts.roles import Role
from shared.db import Database

_SHOWN = (
    "id, name, role, created_at, created_by, ends_at, last_used_at, revoked_at, revoked_by, "
    "coalesce(ends_at <= now(), false) as ended"
)
_ADD = text(
    "insert into registry.tokens (id, name, role, hash, created_by, ends_at) "
    "values (:id, :name, :role, :hash, :created_by, now() + make_interval(secs => :valid_seconds)) "
    f"on conflict (name) where revoked_at is null do nothing returning {_SHOWN}"
)
_PAGE = text(
    f"select {_SHOWN} from registry.tokens where (name, id) > (:name, :id) "
    "and (:dead or revoked_at is null and coalesce(ends_at > now(), true)) order by name, id limit :limit"
)
_LIVING = text(f"select {_SHOWN} from registry.tokens where name = :name and revoked_at is null")
_REVOKE = text(
    "update registry.tokens set revoked_at = coalesce(revoked_at, now()), revoked_by = coalesce(revoked_by, :by) "
    f"where id = :id returning {_SHOWN}"
)
_BY_HASH = text(
    f"select {_SHOWN}, coalesce(last_used_at < now() - interval '1 minute', true) as stale "
    "from registry.tokens where hash = :hash"
)
# Two replicas may both find it stale; one of them writes.
_USED = text(
    "update registry.tokens set last_used_at = now() "
    "where hash = :hash and coalesce(last_used_at < now() - interval '1 minute', true)"
)


class PostgresTokens:
    """`TokenStore` on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: NewToken) -> Token | NameTaken:
        """Store a token."""
        values = {
            "id": token.id,
            "name": token.name,
            "role": token.role.value,
            "hash": token.hash,
            "created_by": token.created_by,
            "valid_seconds": token.valid_seconds,
        }
        async with self._database.begin() as connection:
            added = (await connection.execute(_ADD, values)).one_or_none()
            if added is not None:
                return _token(added)
            living = (await connection.execute(_LIVING, {"name": token.name})).one_or_none()
        # It may have been revoked in the moment between; whoever asks tries again and gets it.
        return NameTaken("" if living is None else living.id)

    async def page(self, dead: bool, after: tuple[str, str], limit: int) -> list[Token]:
        """Tokens by name and id."""
        asked = {"dead": dead, "name": after[0], "id": after[1], "limit": limit}
        async with self._database.begin() as connection:
            return [_token(one) for one in await connection.execute(_PAGE, asked)]

    async def living(self, name: str) -> Token | None:
        """The token of this name that has not been revoked."""
        async with self._database.begin() as connection:
            found = (await connection.execute(_LIVING, {"name": name})).one_or_none()
        return None if found is None else _token(found)

    async def revoke(self, token_id: str, by: str) -> Token | None:
        """Revoke a token."""
        async with self._database.begin() as connection:
            found = (await connection.execute(_REVOKE, {"id": token_id, "by": by})).one_or_none()
        return None if found is None else _token(found)

    async def use(self, hash_: str) -> Token | None:
        """The token of this hash."""
        async with self._database.begin() as connection:
            found = (await connection.execute(_BY_HASH, {"hash": hash_})).one_or_none()
            if found is None:
                return None
            token = _token(found)
            if found.stale and token.opens:
                await connection.execute(_USED, {"hash": hash_})
        return token


def _token(row: Any) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        created_by=row.created_by,
        ends_at=row.ends_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        ended=row.ended,
    )
