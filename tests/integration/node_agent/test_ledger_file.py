"""The ledger's file when its process is killed, when an older agent wrote it, and when it is no ledger."""

import asyncio
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.node_agent.domain.accounts import Seen
from services.node_agent.domain.ports import LedgerAway
from services.node_agent.store.accounts import SqliteAccounts
from services.node_agent.store.database import Database, FileConnection
from services.node_agent.store.identity import begin_boot
from shared.randomness import SeededRandomness

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

# As version 0.1 made it.
OLD_LEDGER = """
create table identity (ledger_id text not null, boot integer not null, last_change integer not null);
create table accounts (
    account_id text primary key, session_file text not null, status text not null, reason text,
    message_count integer not null, reply_count integer not null, last_activity text,
    user_id integer, dead_file text);
create table changes (number integer primary key, body text not null);
create table seen (
    account_id text not null, chat_id integer not null, message_id integer not null, at text not null,
    primary key (account_id, chat_id)) without rowid;
create table bindings (account_id text primary key, script_id text not null);
insert into identity values ('0123456789abcdef0123456789abcdef', 5, 17);
insert into accounts values ('anna', 'anna.session', 'online', null, 30, 20, '2026-01-01T00:00:00+00:00', 77, null);
insert into seen values ('anna', -100, 12, '2026-01-01T00:00:00+00:00');
insert into bindings values ('*', 'greeter');
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


async def test_the_ledger_of_an_older_agent_goes_on(tmp_path: Path) -> None:
    """An update of the agent would lose counters, bindings and what was answered already, or not start at all."""
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript(OLD_LEDGER)
    old.close()
    database = Database(await FileConnection.open(path))
    await database.prepare()
    identity = await begin_boot(database, datetime(2026, 1, 2, tzinfo=UTC), SeededRandomness(1))
    ledger = SqliteAccounts(database)
    [anna] = await ledger.accounts()
    assert identity.ledger_id == "0123456789abcdef0123456789abcdef"
    assert (anna.message_count, anna.reply_count, anna.user_id) == (30, 20, 77)
    assert await ledger.seen() == {"anna": {-100: Seen(12, datetime(2026, 1, 1, tzinfo=UTC))}}
    assert await ledger.remembered() == {} and await ledger.sends() == {} and await ledger.silences() == {}
    await database.close()
