"""Session files of Telethon and Pyrogram: SQLite databases, read as bytes in memory and never as files.

Whatever is in them may have been made to harm: nothing but the tables of the two libraries is read, no function, view
or trigger of theirs runs (an authoriser allows reads alone), the work is bounded, and texts are read as bytes. What is
taken over goes into a new database (`stored`), so nothing else of the file goes on.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from services.deployer.domain.telegram_logins import (
    LARGEST_UPLOAD,
    BadSession,
    Sandbox,
    SessionForm,
    TelegramLogin,
    checked_login,
)
from services.deployer.formats.stored import MOST_KNOWN, SCHEMA_VERSION, Known, State, is_known, is_state

MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
# SQLite's own steps; a file of 32 MB takes some hundred thousand to check and read.
_STEPS_AT_ONCE = 10_000
_MOST_STEPS = 2_000
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_PRAGMA}
_TABLES = {"version", "sessions", "entities", "sent_files", "update_state"}
# What would be computed while a table is read or checked; neither library's tables have it.
_COMPUTED = (b"CHECK", b"GENERATED", b"DEFAULT", b" AS ")
# Telethon changed what an access hash means with schema 6; what older files know of people is wrong.
_KNOWN_SINCE = 6
_ONESELF = 0


@dataclass(frozen=True, slots=True)
class FileContent:
    """What is taken over of a file."""

    form: SessionForm
    login: TelegramLogin
    known: tuple[Known, ...] = ()
    states: tuple[State, ...] = ()


def read_file(content: bytes, sandbox: Sandbox | None) -> FileContent:
    """The login in the bytes of a Telethon or Pyrogram file, and what the account knows. Raises BadSession."""
    with _opened(content) as cursor:
        columns = _columns(cursor, "sessions")
        if {"dc_id", "auth_key", "test_mode"} <= columns:
            return _pyrogram(cursor, columns, sandbox)
        if "server_address" in columns:
            return _telethon(cursor, columns, sandbox)
    raise BadSession("it is a database, but neither Telethon's nor Pyrogram's: its table sessions is missing or other")


def read_stored_file(content: bytes, sandbox: Sandbox | None) -> TelegramLogin:
    """The login in a file of exactly the stored form: nothing but its tables, in its version. Raises BadSession."""
    with _opened(content) as cursor:
        for kind, name in cursor.execute("select type, name from sqlite_master").fetchall():
            automatic = kind == b"index" and name.startswith(b"sqlite_autoindex_")
            if not automatic and (kind != b"table" or name.decode(errors="replace") not in _TABLES):
                raise BadSession("it has more in it than a session file has: it was made by something else")
        if _version(cursor) != SCHEMA_VERSION:
            raise BadSession(f"it is not of the schema {SCHEMA_VERSION}, which is the stored form")
        return _telethon(cursor, _columns(cursor, "sessions"), sandbox).login


@contextmanager
def _opened(content: bytes) -> Iterator[sqlite3.Cursor]:
    if len(content) < _HEADER_BYTES or not content.startswith(MAGIC):
        raise BadSession("it is no SQLite database: it was cut, or is of another program")
    # A file in WAL mode cannot be opened in memory; what its -wal file had is not here anyway.
    plain = content[:18] + b"\x01\x01" + content[20:]
    connection = sqlite3.connect(":memory:")
    steps = 0

    def enough() -> int:
        nonlocal steps
        steps += 1
        return int(steps > _MOST_STEPS)

    try:
        connection.text_factory = bytes
        connection.deserialize(plain)
        connection.execute("pragma trusted_schema = off")
        connection.execute("pragma cell_size_check = on")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_UPLOAD)
        connection.set_progress_handler(enough, _STEPS_AT_ONCE)
        connection.set_authorizer(_authorised)
        yield connection.cursor()
    except (sqlite3.Error, ValueError, OverflowError, MemoryError):
        # SQLite's own words may have texts of the file in them.
        raise BadSession("the database is damaged or was cut: take another copy, while nothing has it open") from None
    finally:
        connection.close()


def _authorised(action: int, first: str | None, second: str | None, *_: object) -> int:
    if action not in _ALLOWED or (action == sqlite3.SQLITE_PRAGMA and first not in ("quick_check", "table_info")):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _columns(cursor: sqlite3.Cursor, table: str) -> set[str]:
    """The columns of a plain table that is whole; empty if there is none of this name. Raises BadSession."""
    found = cursor.execute("select type, sql from sqlite_master where name = ?", (table,)).fetchall()
    if len(found) != 1 or found[0][0] != b"table":
        return set()
    made = bytes(found[0][1] or b"").upper()
    if not made.startswith(b"CREATE TABLE") or any(word in made for word in _COMPUTED):
        return set()
    # Of this table alone: the check computes the constraints of others, which may be made to take for ever.
    [(verdict,)] = cursor.execute(f"pragma quick_check({table})").fetchmany(1)
    if verdict != b"ok":
        raise BadSession("the database is damaged: take another copy, while no program has it open")
    return {row[1].decode(errors="replace") for row in cursor.execute(f"pragma table_info({table})").fetchall()}


def _telethon(cursor: sqlite3.Cursor, columns: set[str], sandbox: Sandbox | None) -> FileContent:
    version = _version(cursor)
    if not {"dc_id", "server_address", "port", "auth_key"} <= columns:
        raise BadSession("its table sessions lacks columns: it is damaged, or of another program")
    dc_id, address, port, key = _one(cursor, "select dc_id, server_address, port, auth_key from sessions limit 3")
    at = (_text(address), port)
    known = _known(cursor) if version >= _KNOWN_SINCE else ()
    user_id = next((entity[1] for entity in known if entity[0] == _ONESELF and entity[1] > 0), None)
    login = checked_login(dc_id, key, user_id, at=at, sandbox=sandbox)
    return FileContent(SessionForm.TELETHON_FILE, login, known, _states(cursor))


def _version(cursor: sqlite3.Cursor) -> int:
    if "version" not in _columns(cursor, "version"):
        raise BadSession("it says no schema version: it is damaged, or of another program")
    (version,) = _one(cursor, "select version from version limit 3")
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        raise BadSession(
            f"its schema version is none that is known here (1 to {SCHEMA_VERSION}): make it with Telethon 1.45 or "
            "older, or upgrade Callboard"
        )
    return version


def _pyrogram(cursor: sqlite3.Cursor, columns: set[str], sandbox: Sandbox | None) -> FileContent:
    # Its younger relatives have an address too.
    names = ["dc_id", "auth_key", "test_mode", *sorted({"user_id", "server_address", "port"} & columns)]
    row = dict(zip(names, _one(cursor, f"select {', '.join(names)} from sessions limit 3"), strict=True))
    if row["test_mode"]:
        raise BadSession("it is a login of Telegram's test servers: sign in at the real ones")
    address = row.get("server_address")
    at = (_text(address), row.get("port")) if address else None
    login = checked_login(row["dc_id"], row["auth_key"], row.get("user_id") or None, at=at, sandbox=sandbox)
    return FileContent(SessionForm.PYROGRAM_FILE, login)


def _one(cursor: sqlite3.Cursor, question: str) -> tuple[Any, ...]:
    rows = cursor.execute(question).fetchall()
    if len(rows) != 1:
        told = "no" if not rows else "more than one"
        raise BadSession(f"it has {told} login where one is expected: sign in with it first, then export it again")
    return tuple(rows[0])


def _known(cursor: sqlite3.Cursor) -> tuple[Known, ...]:
    columns = _columns(cursor, "entities")
    if not {"id", "hash", "username", "phone", "name"} <= columns:
        return ()
    date = "date" if "date" in columns else "null"
    rows = cursor.execute(
        f"select id, hash, username, phone, name, {date} from entities order by id > 0, {date} desc, id limit ?",
        (MOST_KNOWN,),
    )
    entities = ((id_, hash_, _text(name), phone, _text(title), at) for id_, hash_, name, phone, title, at in rows)
    return tuple(entity for entity in entities if is_known(entity))


def _states(cursor: sqlite3.Cursor) -> tuple[State, ...]:
    if not {"id", "pts", "qts", "date", "seq"} <= _columns(cursor, "update_state"):
        return ()
    rows = cursor.execute("select id, pts, qts, date, seq from update_state order by id limit ?", (MOST_KNOWN,))
    # Telethon writes the moment as a float.
    states = ((*row[:3], int(row[3]) if isinstance(row[3], float) else row[3], row[4]) for row in rows)
    return tuple(state for state in states if is_state(state))


def _text(value: object) -> object:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
