"""What accounts have lived, as rows: counters, messages heard, conversations, memories, what is to be said, silences.

Called by `store.accounts` within its transaction. Each function is one statement for all the accounts of a batch, so
that a thousand accounts cost a thread's few goes and one commit. The conversation of a chat itself, which has no
sender, is kept with the sender 0, because a key has no nulls.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from services.node_agent.domain.accounts import Account, Seen
from services.node_agent.domain.journal import Progress
from services.node_agent.domain.ports import Remembered
from services.node_agent.domain.sending import Outgoing, Silence
from services.node_agent.store.database import Connection, Row
from shared.contracts.accounts import AccountStatus
from shared.scripts import React, SendText

# Every table with rows of an account; it goes with all of them.
TABLES = ("accounts", "uncertain", "seen", "conversations", "memories", "sends", "silences")

_SENDS = "number, account_id, script_id, chat, text, emoji, message_id, random_id, queued_at, attempted_at, said_at"

Lived = Sequence[tuple[Account, Progress]]


async def put_counters(connection: Connection, lived: Lived) -> None:
    """Counters, which only this writes."""
    rows = [
        (
            account.message_count,
            account.reply_count,
            account.last_activity.isoformat() if account.last_activity else None,
            account.account_id,
        )
        for account, _ in lived
    ]
    await connection.execute_many(
        "update accounts set message_count = ?, reply_count = ?, last_activity = ? where account_id = ?", rows
    )
    unanswered = [(account.account_id, account.uncertain_count) for account, _ in lived if account.uncertain_count]
    await _put(connection, "insert or replace into uncertain values (?, ?)", unanswered)


async def put_seen(connection: Connection, lived: Lived) -> None:
    """The newest message heard in each chat."""
    heard = [(account.account_id, chat, seen) for account, each in lived for chat, seen in each.seen.items()]
    await _delete(connection, "seen", "chat_id", [(account, chat) for account, chat, seen in heard if seen is None])
    kept = [(account, chat, seen.message_id, seen.at.isoformat()) for account, chat, seen in heard if seen is not None]
    await _put(connection, "insert or replace into seen values (?, ?, ?, ?)", kept)


async def put_memories(connection: Connection, lived: Lived) -> None:
    """Conversations and what they share; first what is of no use any more goes."""
    over = [(account.account_id,) for account, each in lived if each.forgets]
    for table in ("conversations", "memories"):
        await _put(connection, f"delete from {table} where account_id = ?", over)
    told = [
        (account.account_id, chat, sender_id or 0, each.script_id, conversation)
        for account, each in lived
        for (chat, sender_id), conversation in each.conversations.items()
    ]
    await _put(
        connection,
        "delete from conversations where account_id = ? and chat = ? and sender_id = ?",
        [row[:3] for row in told if row[-1] is None],
    )
    kept = [(*row[:4], row[4].model_dump_json(exclude_defaults=True)) for row in told if row[4] is not None]
    await _put(connection, "insert or replace into conversations values (?, ?, ?, ?, ?)", kept)
    shared = [
        (account.account_id, each.script_id, each.memory.model_dump_json(exclude_defaults=True))
        for account, each in lived
        if each.memory is not None
    ]
    await _put(connection, "insert or replace into memories values (?, ?, ?)", shared)


async def put_sends(connection: Connection, lived: Lived, forget_said: float) -> None:
    """What is to be said, and what was said too lately to be forgotten."""
    sends = [(account.account_id, number, each) for account, one in lived for number, each in one.sends.items()]
    await _put(connection, "delete from sends where number = ?", [(number,) for _, number, each in sends if not each])
    marks = ", ".join("?" * 11)
    rows = [_send_row(account_id, each) for account_id, _, each in sends if each]
    await _put(connection, f"insert or replace into sends ({_SENDS}) values ({marks})", rows)
    if sends:
        await connection.execute("delete from sends where said_at < ?", (forget_said,))


async def put_silences(connection: Connection, lived: Lived) -> None:
    """Until when accounts say nothing."""
    rows = [
        (account.account_id, each.silence.until, each.silence.status.value, each.silence.reason)
        for account, each in lived
        if each.silence is not None
    ]
    await _put(connection, "insert or replace into silences values (?, ?, ?, ?)", rows)


async def read_seen(connection: Connection) -> dict[str, dict[int, Seen]]:
    """The newest message that each account has heard in each chat."""
    found: dict[str, dict[int, Seen]] = {}
    for account_id, chat, message_id, at in await connection.execute("select * from seen order by at"):
        found.setdefault(account_id, {})[chat] = Seen(message_id, datetime.fromisoformat(at))
    return found


async def read_memories(connection: Connection) -> dict[str, Remembered]:
    """What each account remembers."""
    told: dict[str, tuple[str, list[str]]] = {}
    for account_id, script_id, body in await connection.execute(
        "select account_id, script_id, body from conversations order by account_id"
    ):
        told.setdefault(account_id, (script_id, []))[1].append(body)
    shared = {row[0]: row[1:] for row in await connection.execute("select account_id, script_id, body from memories")}
    found = {}
    for account_id in told.keys() | shared.keys():
        script_id, conversations = told.get(account_id, ("", []))
        memory_script, memory = shared.get(account_id, (script_id, None))
        found[account_id] = Remembered(script_id or memory_script, conversations, memory)
    return found


async def read_sends(connection: Connection) -> dict[str, list[Outgoing]]:
    """What each account has to say, and what it said lately."""
    found: dict[str, list[Outgoing]] = {}
    for row in await connection.execute(f"select {_SENDS} from sends order by number"):
        found.setdefault(row[1], []).append(_outgoing(row))
    return found


async def read_silences(connection: Connection) -> dict[str, Silence]:
    """Until when accounts say nothing."""
    rows = await connection.execute("select account_id, until, status, reason from silences")
    return {account_id: Silence(until, AccountStatus(status), reason) for account_id, until, status, reason in rows}


async def forget_accounts(connection: Connection, account_ids: Iterable[str]) -> None:
    """These accounts are no longer on this node."""
    gone = [(account_id,) for account_id in account_ids]
    for table in TABLES:
        await _put(connection, f"delete from {table} where account_id = ?", gone)


async def _put(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        await connection.execute_many(statement, rows)


async def _delete(connection: Connection, table: str, key: str, rows: Sequence[Sequence[Any]]) -> None:
    await _put(connection, f"delete from {table} where account_id = ? and {key} = ?", rows)


def _send_row(account_id: str, outgoing: Outgoing) -> Row:
    match outgoing.effect:
        case SendText(chat=chat, text=text, reply_to=reply_to):
            # Of what was said only the time still matters.
            what: Row = (chat, text if outgoing.said_at is None else "", None, reply_to)
        case React(chat=chat, message_id=message_id, emoji=emoji):
            what = (chat, None, emoji, message_id)
    times = (outgoing.queued_at, outgoing.attempted_at, outgoing.said_at)
    return (outgoing.number, account_id, outgoing.script_id, *what, outgoing.random_id, *times)


def _outgoing(row: Row) -> Outgoing:
    number, _, script_id, chat, text, emoji, message_id, random_id, *times = row
    effect = React(chat, message_id, emoji) if emoji is not None else SendText(chat, text, message_id)
    return Outgoing(number, script_id, effect, random_id, *times)
