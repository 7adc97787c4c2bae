"""Accounts in the ledger: their states, their numbered changes, and what they have lived.

`write` is the one way to change them, and one transaction whatever the number of accounts. A change gets its number in
the transaction that stores the account's new state, so numbers have no gap and no state is without its change.
Confirmed changes are deleted; `identity.last_change` keeps the count.
"""

from collections.abc import Sequence
from datetime import datetime

from services.node_agent.domain.account_states import AccountState
from services.node_agent.domain.accounts import Account, Seen
from services.node_agent.domain.ports import Batch, Remembered, StateChange
from services.node_agent.domain.sending import Outgoing, Silence
from services.node_agent.store import progress
from services.node_agent.store.database import Connection, Database, Row
from shared.contracts.accounts import AccountChanged, AccountStatus

# What is left unanswered has a table of its own: ledgers of before it are as good as new ones.
_ACCOUNTS = """select account_id, session_file, status, reason, message_count, reply_count, last_activity, user_id,
    dead_file, coalesce(messages, 0) from accounts left join uncertain using (account_id) order by account_id"""
# Counters may have risen since the change was made: they are `progress`'s alone.
_PUT_STATE = """insert into accounts (account_id, session_file, status, reason, user_id, dead_file,
        message_count, reply_count) values (?, ?, ?, ?, ?, ?, 0, 0)
    on conflict (account_id) do update set session_file = excluded.session_file, status = excluded.status,
        reason = excluded.reason, user_id = excluded.user_id, dead_file = excluded.dead_file"""


class SqliteAccounts:
    """Implements `domain.ports.AccountLedger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accounts(self) -> list[Account]:
        """Every account that the ledger knows."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(_ACCOUNTS)
        return [_account(row) for row in rows]

    async def seen(self) -> dict[str, dict[int, Seen]]:
        """The newest message that each account has heard in each chat."""
        async with self._database.transaction() as connection:
            return await progress.read_seen(connection)

    async def remembered(self) -> dict[str, Remembered]:
        """What each account remembers."""
        async with self._database.transaction() as connection:
            return await progress.read_memories(connection)

    async def sends(self) -> dict[str, list[Outgoing]]:
        """What each account has to say, and what it said lately."""
        async with self._database.transaction() as connection:
            return await progress.read_sends(connection)

    async def silences(self) -> dict[str, Silence]:
        """Accounts that had to be silent, until when."""
        async with self._database.transaction() as connection:
            return await progress.read_silences(connection)

    async def write(self, batch: Batch) -> None:
        """Store it all, or nothing."""
        async with self._database.transaction() as connection:
            if batch.changes:
                await _put_changes(connection, batch.changes)
            if batch.progress:
                await progress.put_counters(connection, batch.progress)
                await progress.put_seen(connection, batch.progress)
                await progress.put_memories(connection, batch.progress)
                await progress.put_sends(connection, batch.progress, batch.forget_said)
                await progress.put_silences(connection, batch.progress)
            await progress.forget_accounts(connection, batch.gone)

    async def changes_after(self, number: int, most: int) -> list[AccountChanged]:
        """Changes that are not confirmed, in their order."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                "select body from changes where number > ? order by number limit ?", (number, most)
            )
        return [AccountChanged.model_validate_json(body) for (body,) in rows]

    async def confirm_changes(self, through: int) -> None:
        """The registry has committed the changes up to this number."""
        async with self._database.transaction() as connection:
            await connection.execute("delete from changes where number <= ?", (through,))


async def _put_changes(connection: Connection, changes: Sequence[StateChange]) -> None:
    [(last,)] = await connection.execute("select last_change from identity")
    bodies = [(number, each.message(number).model_dump_json()) for number, each in enumerate(changes, last + 1)]
    await connection.execute_many("insert into changes values (?, ?)", bodies)
    await connection.execute("update identity set last_change = ?", (last + len(changes),))
    await connection.execute_many(_PUT_STATE, [_state_row(each.account) for each in changes])


def _state_row(account: Account) -> Row:
    state = account.state
    return (
        account.account_id,
        account.session_file,
        state.status.value,
        state.reason,
        account.user_id,
        account.dead_file,
    )


def _account(row: Row) -> Account:
    account_id, session_file, status, reason, messages, replies, activity, user_id, dead_file, uncertain = row
    return Account(
        account_id=account_id,
        session_file=session_file,
        state=AccountState(AccountStatus(status), reason),
        message_count=messages,
        reply_count=replies,
        uncertain_count=uncertain,
        last_activity=datetime.fromisoformat(activity) if activity else None,
        user_id=user_id,
        dead_file=dead_file,
    )
