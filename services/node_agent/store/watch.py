"""Whether accounts are connected, in the ledger: what an agent that was ended without a word leaves behind."""

from services.node_agent.store.database import Database


class SqliteWatch:
    """Implements `domain.ports.WatchLedger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, *, connected: bool) -> None:
        """Accounts may be connected from now on, or nobody is."""
        async with self._database.transaction() as connection:
            await connection.execute("delete from watch")
            await connection.execute("insert into watch values (?)", (connected,))

    async def was_connected(self) -> bool:
        """What was noted last."""
        async with self._database.transaction() as connection:
            rows = await connection.execute("select connected from watch")
        return bool(rows and rows[0][0])
