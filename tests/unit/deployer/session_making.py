"""Session files and strings of every form, made as their own programs make them."""

import base64
import io
import random
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from telethon.crypto import AuthKey
from telethon.sessions import SQLiteSession, StringSession

DC, ADDRESS, USER_ID = 2, "149.154.167.51", 777_000_111


def key_of(seed: int = 0) -> bytes:
    """A login's key."""
    return random.Random(seed).randbytes(256)


KEY = key_of()


def telethon_file(key: bytes = KEY, *, dc: int = DC, address: str = ADDRESS, port: int = 443) -> bytes:
    """What Telethon writes; with what it knows of people and of its place in the updates."""
    session = SQLiteSession(None)
    session.set_dc(dc, address, port)
    session.auth_key = AuthKey(key)
    cursor = session._cursor()
    known = [
        (0, USER_ID, None, None, None, 1_700_000_000),
        (42, 4242, "ana", None, "Ana", 1_700_000_000),
        (-1001, 7, None, None, "A chat", 1_700_000_001),
    ]
    cursor.executemany("insert into entities values (?,?,?,?,?,?)", known)
    cursor.execute("insert into update_state values (0, 5, 6, 1700000000.0, 7)")
    cursor.close()
    session.save()
    content = bytes(session._conn.serialize())
    session._conn.close()
    return content


# What Telethon's schemas had; each one is read by the versions after it.
_SESSIONS = {
    1: "dc_id integer primary key, server_address text, port integer, auth_key blob",
    5: "dc_id integer primary key, server_address text, port integer, auth_key blob, takeout_id integer",
    8: "dc_id integer primary key, server_address text, port integer, auth_key blob, takeout_id integer, "
    "tmp_auth_key blob",
}
_ENTITIES = "id integer primary key, hash integer not null, username text, phone integer, name text"


def old_telethon_file(version: int, key: bytes = KEY) -> bytes:
    """A file of an older schema."""
    columns = _SESSIONS[max(each for each in _SESSIONS if each <= version)]
    with database() as connection:
        connection.execute("create table version (version integer primary key)")
        connection.execute("insert into version values (?)", (version,))
        connection.execute(f"create table sessions ({columns})")
        row = (DC, ADDRESS, 443, key, None, b"")[: columns.count(",") + 1]
        connection.execute(f"insert into sessions values ({', '.join('?' * len(row))})", row)
        connection.execute(f"create table entities ({_ENTITIES}{', date integer' if version >= 7 else ''})")
        connection.execute("insert into entities (id, hash, name) values (0, ?, null)", (USER_ID,))
        if version >= 4:
            connection.execute("create table update_state (id integer primary key, pts, qts, date, seq)")
        return content_of(connection)


def pyrogram_file(key: bytes = KEY, *, test_mode: int = 0, dc: int = DC) -> bytes:
    """What Pyrogram writes."""
    with database() as connection:
        connection.executescript(
            """
            create table sessions (dc_id integer primary key, api_id integer, test_mode integer, auth_key blob,
                date integer not null, user_id integer, is_bot integer);
            create table peers (id integer primary key, access_hash integer, type integer not null, username text,
                phone_number text, last_update_on integer not null default (cast(strftime('%s', 'now') as integer)));
            create table version (number integer primary key);
            create index idx_peers_id on peers (id);
            create trigger trg_peers_last_update_on after update on peers begin
                update peers set last_update_on = cast(strftime('%s', 'now') as integer) where id = new.id; end;
            insert into version values (3);
            """
        )
        row = (dc, 1, test_mode, key, 0, USER_ID, 0)
        connection.execute("insert into sessions values (?, ?, ?, ?, ?, ?, ?)", row)
        return content_of(connection)


def telethon_string(key: bytes = KEY, *, dc: int = DC, address: str = ADDRESS, port: int = 443) -> bytes:
    """What Telethon prints."""
    session = StringSession()
    session.set_dc(dc, address, port)
    session.auth_key = AuthKey(key)
    return str(session.save()).encode()


def pyrogram_string(key: bytes = KEY, *, length: int = 362, test_mode: bool = False, dc: int = DC) -> bytes:
    """What Pyrogram prints, now and before."""
    packed = {
        362: lambda: struct.pack(">BI?256sQ?", dc, 1, test_mode, key, USER_ID, False),
        356: lambda: struct.pack(">B?256sQ?", dc, test_mode, key, USER_ID, False),
        351: lambda: struct.pack(">B?256sI?", dc, test_mode, key, USER_ID, False),
    }[length]()
    return base64.urlsafe_b64encode(packed).rstrip(b"=")


def tdata_files(folder: Path, *keys: bytes, passcode: str = "") -> dict[str, bytes]:
    """A folder of Telegram Desktop's with an account for each key."""
    from opentele.td import Account, AuthKeyType, TDesktop
    from opentele.td import AuthKey as DesktopKey
    from opentele.td.configs import DcId

    desktop = TDesktop()
    for place, key in enumerate(keys):
        account = Account(owner=desktop, index=place)
        dc = DcId(DC)
        account._setMtpAuthorizationCustom(dc, USER_ID + place, [DesktopKey(key, AuthKeyType.ReadFromFile, dc)])
        desktop._addSingleAccount(account)
    desktop.SaveTData(str(folder), passcode=passcode)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these files."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return written.getvalue()


class database:  # noqa: N801 - used as a context
    """A database in memory, closed at the end."""

    def __enter__(self) -> sqlite3.Connection:
        self._connection = sqlite3.connect(":memory:")
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def content_of(connection: sqlite3.Connection) -> bytes:
    """The database's file."""
    connection.commit()
    return bytes(connection.serialize())


FORMS: dict[str, Callable[..., Any]] = {
    "telethon-file": telethon_file,
    "telethon-string": telethon_string,
    "pyrogram-file": pyrogram_file,
    "pyrogram-string": pyrogram_string,
}
