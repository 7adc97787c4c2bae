"""The one stored form: the bytes of a Telethon session file of schema 8, made anew from what was read.

The same login with the same knowledge gives the same bytes, so that a file that is uploaded twice is one version.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any, TypeGuard

from services.deployer.domain.telegram_logins import TelegramLogin

SCHEMA_VERSION = 8
# As many people and chats as an agent keeps; the largest form is some hundred kilobytes.
MOST_KNOWN = 5_000
_LONGEST_TEXT = 256
_INT64 = range(-(2**63), 2**63)
# As Unix time: what a node can still read as a date.
_LAST_MOMENT = 2**32

# id, access hash, username, phone, name, date.
Known = tuple[int, int, str | None, int | None, str | None, int | None]
# id, pts, qts, date, seq.
State = tuple[int, int, int, int, int]

# As Telethon makes them.
_TABLES = (
    "create table version (version integer primary key)",
    "create table sessions (dc_id integer primary key, server_address text, port integer, auth_key blob, "
    "takeout_id integer, tmp_auth_key blob)",
    "create table entities (id integer primary key, hash integer not null, username text, phone integer, name text, "
    "date integer)",
    "create table sent_files (md5_digest blob, file_size integer, type integer, id integer, hash integer, "
    "primary key(md5_digest, file_size, type))",
    "create table update_state (id integer primary key, pts integer, qts integer, date integer, seq integer)",
)


def stored_form(login: TelegramLogin, known: Iterable[Known] = (), states: Iterable[State] = ()) -> bytes:
    """The bytes that are kept, delivered and downloaded."""
    # Telethon keeps whose login it is as the person 0.
    people = {person[0]: person for person in known}
    if login.user_id is not None:
        people.setdefault(0, (0, login.user_id, None, None, None, None))
    connection = sqlite3.connect(":memory:")
    try:
        for table in _TABLES:
            connection.execute(table)
        connection.execute("insert into version values (?)", (SCHEMA_VERSION,))
        row = (login.dc_id, login.address, login.port, login.auth_key, None, b"")
        connection.execute("insert into sessions values (?, ?, ?, ?, ?, ?)", row)
        ordered = [people[id_] for id_ in sorted(people)]
        connection.executemany("insert into entities values (?, ?, ?, ?, ?, ?)", ordered)
        connection.executemany("insert into update_state values (?, ?, ?, ?, ?)", sorted(states))
        connection.commit()
        return connection.serialize()
    finally:
        connection.close()


def is_known(row: tuple[Any, ...]) -> TypeGuard[Known]:
    """Whether this is what Telethon writes of a person or chat; another row is left out."""
    id_, hash_, username, phone, name, date = row
    return (
        _is_int(id_)
        and _is_int(hash_)
        and all(one is None or (isinstance(one, str) and len(one) <= _LONGEST_TEXT) for one in (username, name))
        and all(one is None or _is_int(one) for one in (phone, date))
    )


def is_state(row: tuple[Any, ...]) -> TypeGuard[State]:
    """Whether this is a place in updates as Telethon writes it; another row is left out."""
    return all(_is_int(value) for value in row) and 0 <= row[3] < _LAST_MOMENT


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and value in _INT64
