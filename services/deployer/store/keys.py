"""The tables `keys` and `key_sets`: a handful of rows, read and written as one."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.signing_keys import Keys, KeySet, KeyState, Purpose, StoredKey

# Held by whoever changes keys, and by a first start, which finds no row to lock.
_LOCK = text("select pg_advisory_xact_lock(hashtextextended('deployer.keys', 0))")
_KEYS = text(
    "select key_id, purpose, state, public, sealed, created_at, changed_at from deployer.keys "
    "order by created_at, key_id"
)
_SETS = text("select serial, signing, vault, created_at from deployer.key_sets order by serial")
_SAVE = text(
    "insert into deployer.keys (key_id, purpose, state, public, sealed, created_at, changed_at) "
    "values (:key_id, :purpose, :state, :public, :sealed, :created_at, :changed_at) on conflict (key_id) do update "
    "set state = excluded.state, sealed = excluded.sealed, changed_at = excluded.changed_at"
)
_SAVE_SET = text(
    "insert into deployer.key_sets (serial, signing, vault, created_at) "
    "values (:serial, :signing, :vault, :created_at) on conflict (serial) do nothing"
)
_DROP = text("delete from deployer.keys where not (key_id = any(cast(:kept as text[])))")
_DROP_SETS = text("delete from deployer.key_sets where not (serial = any(cast(:kept as bigint[])))")


class PostgresKeys:
    """Keys in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> Keys:
        """Everything that is kept."""
        keys = [
            StoredKey(
                key_id=row.key_id,
                purpose=Purpose(row.purpose),
                state=KeyState(row.state),
                public=row.public,
                sealed=row.sealed,
                created_at=row.created_at,
                changed_at=row.changed_at,
            )
            for row in await self._connection.execute(_KEYS)
        ]
        sets = [
            KeySet(row.serial, tuple(row.signing), row.vault, row.created_at)
            for row in await self._connection.execute(_SETS)
        ]
        return Keys(tuple(keys), tuple(sets))

    async def lock(self) -> Keys:
        """The same, and nobody else changes it until the end of the transaction."""
        await self._connection.execute(_LOCK)
        return await self.all()

    async def save(self, keys: Keys) -> None:
        """Write what is kept from now on, in the place of what was."""
        for key in keys.keys:
            await self._connection.execute(
                _SAVE,
                {
                    "key_id": key.key_id,
                    "purpose": key.purpose.value,
                    "state": key.state.value,
                    "public": key.public,
                    "sealed": key.sealed,
                    "created_at": key.created_at,
                    "changed_at": key.changed_at,
                },
            )
        for one in keys.sets:
            await self._connection.execute(
                _SAVE_SET,
                {
                    "serial": one.serial,
                    "signing": list(one.signing),
                    "vault": one.vault,
                    "created_at": one.created_at,
                },
            )
        await self._connection.execute(_DROP, {"kept": [key.key_id for key in keys.keys]})
        await self._connection.execute(_DROP_SETS, {"kept": [one.serial for one in keys.sets]})
