"""Reports of sign-ins in the ledger: of each the newest, until the broker has it; with the login, until the vault has.

The login in it is sealed to the vault, so that nobody can read it here.
"""

from services.node_agent.store.database import Database
from shared.contracts.logins import LoginReported

# An operator signs in one account after the other.
MOST_KEPT = 100


class SqliteSignIns:
    """Implements `domain.ports.SignInLedger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, report: LoginReported) -> None:
        """Store a report in the place of an earlier one of its sign-in."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "insert into sign_ins (login_id, number, hash, body) values (?, ?, ?, ?)"
                " on conflict (login_id) do update set number = excluded.number, hash = excluded.hash,"
                " body = excluded.body",
                (report.login_id, report.number, report.hash, report.model_dump_json()),
            )
            await connection.execute(
                "delete from sign_ins where rowid in"
                " (select rowid from sign_ins order by rowid desc limit -1 offset ?)",
                (MOST_KEPT,),
            )

    async def pending(self) -> list[LoginReported]:
        """What is to be said, oldest first."""
        async with self._database.transaction() as connection:
            rows = await connection.execute("select body from sign_ins order by rowid")
        return [LoginReported.model_validate_json(body) for (body,) in rows]

    async def told(self, report: LoginReported) -> None:
        """The broker has this report, which has no login in it; a newer one still waits."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "delete from sign_ins where login_id = ? and number = ?", (report.login_id, report.number)
            )

    async def stored(self, hash_: str) -> None:
        """The vault has this login."""
        async with self._database.transaction() as connection:
            await connection.execute("delete from sign_ins where hash = ?", (hash_,))
