"""Accounts in the ledger: their states, their numbered changes, their counters and what they have heard.

A change gets its number in the transaction that stores the account's new state, so numbers have no gap and no state
is without its change. Confirmed changes are deleted; `identity.last_change` keeps the count.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from services.node_agent.domain.account_states import AccountState
from services.node_agent.domain.accounts import Account, Seen
from services.node_agent.domain.ports import Activity
from services.node_agent.store.database import Connection, Database, Row
from shared.contracts.accounts import AccountChanged, AccountStatus

_COLUMNS = "account_id, session_file, status, reason, message_count, reply_count, last_activity, user_id, dead_file"


class SqliteAccounts:
    """Implements `domain.ports.AccountLedger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accounts(self) -> list[Account]:
        """Every account that the ledger knows."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(f"select {_COLUMNS} from accounts order by account_id")
        return [_account(row) for row in rows]

    async def seen(self, account_id: str) -> dict[int, Seen]:
        """The newest message heard in each chat."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                "select chat_id, message_id, at from seen where account_id = ?", (account_id,)
            )
        return {chat_id: Seen(message_id, datetime.fromisoformat(at)) for chat_id, message_id, at in rows}

    async def record_change(self, account: Account, change: Callable[[int], AccountChanged]) -> None:
        """Store the account and the change that `change` makes of the next number."""
        async with self._database.transaction() as connection:
            await connection.execute("update identity set last_change = last_change + 1")
            [(number,)] = await connection.execute("select last_change from identity")
            await connection.execute("insert into changes values (?, ?)", (number, change(number).model_dump_json()))
            await _put(connection, account)

    async def forget_account(self, account_id: str) -> None:
        """The account is no longer on this node."""
        async with self._database.transaction() as connection:
            await connection.execute("delete from accounts where account_id = ?", (account_id,))
            await connection.execute("delete from seen where account_id = ?", (account_id,))

    async def save_activity(self, activities: Collection[Activity]) -> None:
        """Store counters and what was heard, all in one transaction."""
        async with self._database.transaction() as connection:
            for activity in activities:
                account = activity.account
                await connection.execute(
                    "update accounts set message_count = ?, reply_count = ?, last_activity = ? where account_id = ?",
                    (account.message_count, account.reply_count, _text(account.last_activity), account.account_id),
                )
                for chat_id, seen in activity.seen.items():
                    await connection.execute(
                        "insert or replace into seen values (?, ?, ?, ?)",
                        (account.account_id, chat_id, seen.message_id, seen.at.isoformat()),
                    )

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


async def _put(connection: Connection, account: Account) -> None:
    values: tuple[Any, ...] = (
        account.account_id,
        account.session_file,
        account.state.status.value,
        account.state.reason,
        account.message_count,
        account.reply_count,
        _text(account.last_activity),
        account.user_id,
        account.dead_file,
    )
    marks = ", ".join("?" * len(values))
    await connection.execute(f"insert or replace into accounts ({_COLUMNS}) values ({marks})", values)


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _account(row: Row) -> Account:
    account_id, session_file, status, reason, messages, replies, activity, user_id, dead_file = row
    return Account(
        account_id=account_id,
        session_file=session_file,
        state=AccountState(AccountStatus(status), reason),
        message_count=messages,
        reply_count=replies,
        last_activity=datetime.fromisoformat(activity) if activity else None,
        user_id=user_id,
        dead_file=dead_file,
    )
