"""The ledger's file when its process is killed, and when it is no ledger."""

import asyncio
import sys
from pathlib import Path

import pytest

from services.node_agent.domain.ports import LedgerAway
from services.node_agent.store.database import Database, FileConnection

WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from services.node_agent.store.database import Database, FileConnection

async def main():
    database = Database(await FileConnection.open(Path(sys.argv[1])))
    await database.prepare()
    async with database.transaction() as connection:
        await connection.execute("insert into bindings values ('committed', 's')")
    async with database.transaction() as connection:
        await connection.execute("insert into bindings values ('in the middle', 's')")
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_kill_in_the_middle_keeps_what_was_committed_and_nothing_else(tmp_path: Path) -> None:
    """Half a transaction would be a result without its report, or a state without its change."""
    path = tmp_path / "ledger.sqlite"
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, str(path))
    assert await asyncio.wait_for(writer.wait(), 30) == -9
    database = Database(await FileConnection.open(path))
    await database.prepare()
    async with database.transaction() as connection:
        assert await connection.execute("select account_id from bindings") == [("committed",)]
        assert await connection.execute("pragma journal_mode") == [("wal",)]
        assert await connection.execute("pragma synchronous") == [(2,)]
    await database.close()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    """A damaged ledger must stop the agent with a sentence, not with a surprise later."""
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database, it only has the name of one" * 100)
    connection = await FileConnection.open(path)
    with pytest.raises(LedgerAway, match="cannot be used"):
        await Database(connection).prepare()
    await connection.close()
