"""Login states that were handed back, in the ledger: sealed to the vault, so that nobody can read them here.

A row for each account and epoch, with its newest state. When the vault has stored it, the sealed content goes and the
row stays, so that a started agent still knows which state it was. Rows of earlier epochs go when nothing of them waits.
An order of the vault's is kept until the vault has a state that answers it: a newer state that has taken the place of
the one that was asked for answers it, too.
"""

from collections.abc import Sequence
from datetime import datetime

from services.node_agent.domain.logins import HandedBack, PendingState
from services.node_agent.store.database import Connection, Database

_PUT = """insert into handed_back (account_id, epoch, boot, number, hash, size, final, at, sealed)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (account_id, epoch) do update set boot = excluded.boot, number = excluded.number, hash = excluded.hash,
        size = excluded.size, final = excluded.final, at = excluded.at, sealed = excluded.sealed
    where (excluded.boot, excluded.number) > (handed_back.boot, handed_back.number)"""
_ASKED = """insert into sync_orders (account_id, epoch, sync_id) values (?, ?, ?)
    on conflict (account_id, epoch) do update set sync_id = excluded.sync_id"""
_ANSWERED = """delete from sync_orders where account_id = ?1 and epoch = ?2 and exists
    (select 1 from handed_back where account_id = ?1 and epoch = ?2 and hash = ?3)"""
# As many as a node has accounts; what is over it is only known, or waits for longest.
MOST_ROWS = 5_000


class SqliteHandedBack:
    """Implements `domain.ports.HandedBackLedger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, states: Sequence[HandedBack]) -> None:
        """Store these states, each in the place of an older one of its account and epoch."""
        rows = [
            (
                each.account_id,
                each.epoch,
                each.boot,
                each.number,
                each.hash,
                each.size,
                each.final,
                each.at.isoformat(),
                each.sealed,
            )
            for each in states
        ]
        earlier = [(each.account_id, each.epoch) for each in states]
        asked = [(each.account_id, each.epoch, each.answers) for each in states if each.answers is not None]
        async with self._database.transaction() as connection:
            await connection.execute_many(_PUT, rows)
            await connection.execute_many(_ASKED, asked)
            await connection.execute_many(
                "delete from handed_back where account_id = ? and epoch < ? and (sealed is null or not final)", earlier
            )
            await connection.execute_many("delete from sync_orders where account_id = ? and epoch < ?", earlier)
            await _bound(connection)

    async def pending(self) -> list[PendingState]:
        """What the vault has not stored yet, oldest first."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                "select account_id, epoch, boot, number, hash from handed_back where sealed is not null"
                " order by boot, number"
            )
        return [PendingState(*row) for row in rows]

    async def state(self, pending: PendingState) -> HandedBack | None:
        """A pending state whole; None when a newer one has taken its place, or the vault has it."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                "select hash, size, final, at, sealed, sync_id from handed_back"
                " left join sync_orders using (account_id, epoch)"
                " where account_id = ? and epoch = ? and boot = ? and number = ? and sealed is not null",
                (pending.account_id, pending.epoch, pending.boot, pending.number),
            )
        if not rows:
            return None
        [(hash_, size, final, at, sealed, sync_id)] = rows
        return HandedBack(
            account_id=pending.account_id,
            epoch=pending.epoch,
            boot=pending.boot,
            number=pending.number,
            hash=hash_,
            size=size,
            final=bool(final),
            at=datetime.fromisoformat(at),
            sealed=sealed,
            answers=sync_id,
        )

    async def stored(self, account_id: str, epoch: int, hash_: str) -> None:
        """The vault has this state; a newer one that has taken its place still waits."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "update handed_back set sealed = null where account_id = ? and epoch = ? and hash = ?",
                (account_id, epoch, hash_),
            )
            await connection.execute(_ANSWERED, (account_id, epoch, hash_))

    async def hash_of(self, account_id: str, epoch: int) -> str | None:
        """The newest state that was handed back in this epoch."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                "select hash from handed_back where account_id = ? and epoch = ?", (account_id, epoch)
            )
        return rows[0][0] if rows else None


async def _bound(connection: Connection) -> None:
    await connection.execute(
        "delete from handed_back where rowid in (select rowid from handed_back"
        " order by sealed is not null desc, boot desc, number desc limit -1 offset ?)",
        (MOST_ROWS,),
    )
