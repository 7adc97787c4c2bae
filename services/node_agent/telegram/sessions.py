"""Telethon sessions that live in memory: made of a file's bytes, given back as bytes.

The file itself is never opened as a database, so a damaged or half-copied one harms nothing and an older schema is
upgraded in the copy only. A file says with which data centre its login was made, but not where that is: the address
always comes from `Place`, because a hostile file could otherwise choose whom the account speaks to.
"""

import sqlite3
from dataclasses import dataclass

from telethon.sessions import SQLiteSession

from services.node_agent.domain.telegram import UnusableSession

_MAGIC = b"SQLite format 3\x00"
_KEY_BYTES = 256
_PORT = 443
DATA_CENTRES = {
    1: "149.154.175.53",
    2: "149.154.167.51",
    3: "149.154.175.100",
    4: "149.154.167.91",
    5: "91.108.56.130",
}


@dataclass(frozen=True)
class Place:
    """Where a data centre answers."""

    dc_id: int
    address: str
    port: int


class MemorySession(SQLiteSession):  # type: ignore[misc]  # Telethon has no types
    """A session on a database in memory, filled with a file's bytes."""

    _conn: sqlite3.Connection | None

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._released = False
        super().__init__(None)

    def _cursor(self) -> sqlite3.Cursor:
        if self._released:
            raise sqlite3.ProgrammingError("the session was given back already")
        if self._conn is None:
            self._conn = sqlite3.connect(":memory:", check_same_thread=False)
            self._conn.deserialize(self._content)
            self._content = b""
        return self._conn.cursor()

    def content(self) -> bytes:
        """The session as the bytes of a file."""
        self.save()
        assert self._conn is not None, "released"
        return self._conn.serialize()

    def release(self) -> None:
        """Free the database; Telethon leaves one in memory open."""
        self._released = True
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def close(self) -> None:
        """Telethon's closing keeps the database: its last state is saved after it."""


def load_session(content: bytes, sandbox: Place | None) -> MemorySession:
    """The session in a file's bytes, bound for its data centre or for the sandbox. Raises UnusableSession."""
    if not content.startswith(_MAGIC):
        raise UnusableSession("the session file is not a Telethon session (no SQLite database)")
    try:
        session = MemorySession(content)
        _check(session)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise UnusableSession(f"the session file is damaged or of another program: {error}") from error
    place = sandbox or Place(session.dc_id, DATA_CENTRES[session.dc_id], _PORT)
    session.set_dc(place.dc_id, place.address, place.port)
    return session


def _check(session: MemorySession) -> None:
    cursor = session._cursor()
    try:
        [(verdict,)] = cursor.execute("pragma quick_check(1)").fetchall()
        rows = cursor.execute("select dc_id, auth_key from sessions").fetchall()
    finally:
        cursor.close()
    if verdict != "ok":
        raise UnusableSession(f"the session file is damaged: {verdict}")
    if len(rows) != 1:
        raise UnusableSession(f"the session file holds {len(rows)} logins, one is expected")
    [(dc_id, key)] = rows
    if not isinstance(key, bytes) or len(key) != _KEY_BYTES or not any(key):
        raise UnusableSession("the session file holds no login: sign in with it first")
    if dc_id not in DATA_CENTRES:
        raise UnusableSession(f"the session file names data centre {dc_id!r}; there are 1 to 5")
