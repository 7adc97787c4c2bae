"""Telethon sessions that live in memory: made of a file's bytes, given back as bytes.

The file itself is never opened as a database, so a damaged or half-copied one harms nothing and an older schema is read
from a copy. A file says with which data centre its login was made, but not where that is: the address always comes from
`Place`, because a hostile file could otherwise choose whom the account speaks to. While the login lives, what it knows
is in plain dictionaries: an open SQLite database for each account would cost as much as all the rest of an idle one.
"""

import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from telethon.crypto import AuthKey
from telethon.sessions import MemorySession, SQLiteSession
from telethon.tl import types

from services.node_agent.domain.telegram import UnusableSession

_MAGIC = b"SQLite format 3\x00"
_KEY_BYTES = 256
PORT = 443
# People of busy chats come by the thousand. Who was not seen for longest is forgotten; chats and oneself never are.
MOST_KNOWN = 5000
_ONESELF = 0
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


# Access hash, username in lower case, phone, name.
_Entity = tuple[int, str | None, int | None, str | None]


class LoginSession(MemorySession):  # type: ignore[misc]  # Telethon has no types
    """A login, what it knows of chats and people, and its place in Telegram's updates. `changes` counts changes."""

    def __init__(self, place: Place, auth_key: bytes) -> None:
        super().__init__()
        self.set_dc(place.dc_id, place.address, place.port)
        self.auth_key = AuthKey(auth_key)
        self.changes = 0
        self._known: OrderedDict[int, _Entity] = OrderedDict()
        self._by_username: dict[str, int] = {}

    # What the account's hearing asks.

    def name_of(self, peer_id: int) -> str | None:
        """The name under which a person or chat was last seen."""
        entity = self._known.get(peer_id)
        return entity[3] if entity else None

    def username_of(self, peer_id: int) -> str | None:
        """The public name of a person or chat, in lower case."""
        entity = self._known.get(peer_id)
        return entity[1] if entity else None

    # What Telethon asks.

    def process_entities(self, tlo: Any) -> None:
        """Remember the people and chats in an answer of Telegram's."""
        for peer_id, *entity in self._entities_to_rows(tlo):
            self.remember(peer_id, tuple(entity))

    def get_entity_rows_by_id(self, id: int, exact: bool = True) -> tuple[int, int] | None:  # noqa: A002
        """The marked id and the access hash."""
        wanted = [id] if exact else [id, -id, -1_000_000_000_000 - id]
        found = next((each for each in wanted if each in self._known), None)
        return None if found is None else (found, self._known[found][0])

    def get_entity_rows_by_username(self, username: str) -> tuple[int, int] | None:
        """The marked id and the access hash."""
        found = self._by_username.get(username.lower())
        return None if found is None else (found, self._known[found][0])

    def get_entity_rows_by_phone(self, phone: str) -> None:
        """Nobody: scripts name chats by their username or number, and a name that looks like one must not be taken."""

    get_entity_rows_by_name = get_entity_rows_by_phone

    def set_update_state(self, entity_id: int, state: Any) -> None:
        """Remember the place in a channel's updates, or with 0 in the account's."""
        before = self._update_states.get(entity_id)
        if before is None or _state_row(before, entity_id) != _state_row(state, entity_id):
            self._update_states[entity_id] = state
            self.changes += 1

    def remember(self, peer_id: int, entity: _Entity) -> None:
        """Keep a person or chat; the people not seen for longest make room."""
        if self._known.get(peer_id) != entity:
            self.changes += 1
            self._forget(peer_id)
            self._known[peer_id] = entity
            if entity[1]:
                self._by_username[entity[1]] = peer_id
            if len(self._known) > MOST_KNOWN:
                oldest = next((each for each in self._known if each > _ONESELF), peer_id)
                self._forget(oldest)
        else:
            self._known.move_to_end(peer_id)

    def forget_channel_state(self, channel_id: int) -> None:
        """The account is no longer in the channel."""
        if self._update_states.pop(channel_id, None) is not None:
            self.changes += 1

    def content(self) -> bytes:
        """The session as the bytes of a Telethon session file."""
        file = SQLiteSession(None)
        try:
            file.set_dc(self.dc_id, self.server_address, self.port)
            file.auth_key = self.auth_key
            file.takeout_id = self.takeout_id
            cursor = file._cursor()
            now = int(datetime.now(UTC).timestamp())
            known = [(peer_id, *entity, now) for peer_id, entity in self._known.items()]
            cursor.executemany("insert into entities values (?,?,?,?,?,?)", known)
            states = [_state_row(state, entity_id) for entity_id, state in self._update_states.items()]
            cursor.executemany("insert into update_state values (?,?,?,?,?)", states)
            cursor.close()
            file.save()
            return bytes(file._conn.serialize())
        finally:
            file._conn.close()

    def _forget(self, peer_id: int) -> None:
        entity = self._known.pop(peer_id, None)
        if entity and entity[1] and self._by_username.get(entity[1]) == peer_id:
            del self._by_username[entity[1]]


class _FileSession(SQLiteSession):  # type: ignore[misc]  # Telethon has no types
    """A file's bytes as a database in memory, which Telethon brings to its present schema."""

    _conn: sqlite3.Connection | None

    def __init__(self, content: bytes) -> None:
        self._content = content
        super().__init__(None)

    def _cursor(self) -> sqlite3.Cursor:
        if self._conn is None:
            self._conn = sqlite3.connect(":memory:")
            self._conn.deserialize(self._content)
        return self._conn.cursor()


def load_session(content: bytes, sandbox: Place | None) -> LoginSession:
    """The session in a file's bytes, bound for its data centre or for the sandbox. Raises UnusableSession."""
    if not content.startswith(_MAGIC):
        raise UnusableSession("the session file is not a Telethon session (no SQLite database)")
    file = None
    try:
        file = _FileSession(content)
        return _read(file._cursor(), sandbox)
    except (sqlite3.Error, ValueError, TypeError, OverflowError, OSError) as error:
        # The last two: times that no clock can show.
        raise UnusableSession(f"the session file is damaged or of another program: {error}") from error
    finally:
        if file is not None and file._conn is not None:
            file._conn.close()


def _read(cursor: sqlite3.Cursor, sandbox: Place | None) -> LoginSession:
    [(verdict,)] = cursor.execute("pragma quick_check(1)").fetchall()
    if verdict != "ok":
        raise UnusableSession(f"the session file is damaged: {verdict}")
    rows = cursor.execute("select dc_id, auth_key, takeout_id from sessions").fetchall()
    if len(rows) != 1:
        raise UnusableSession(f"the session file holds {len(rows)} logins, one is expected")
    [(dc_id, key, takeout_id)] = rows
    if not isinstance(key, bytes) or len(key) != _KEY_BYTES or not any(key):
        raise UnusableSession("the session file holds no login: sign in with it first")
    if dc_id not in DATA_CENTRES:
        raise UnusableSession(f"the session file names data centre {dc_id!r}; there are 1 to 5")
    session = LoginSession(sandbox or Place(dc_id, DATA_CENTRES[dc_id], PORT), key)
    session.takeout_id = takeout_id
    newest = "select id, hash, username, phone, name from entities order by id > 0, date desc limit ?"
    for peer_id, *entity in reversed(cursor.execute(newest, (MOST_KNOWN,)).fetchall()):
        session.remember(int(peer_id), tuple(entity))
    for entity_id, pts, qts, date, seq in cursor.execute("select id, pts, qts, date, seq from update_state"):
        moment = datetime.fromtimestamp(date, UTC)
        session.set_update_state(int(entity_id), types.updates.State(pts, qts, moment, seq, unread_count=0))
    session.changes = 0
    return session


def _state_row(state: Any, entity_id: int) -> tuple[int, int, int, int, int]:
    # Telethon writes the present time into channels' states, where it means nothing.
    moment = int(state.date.timestamp()) if entity_id == _ONESELF else 0
    return entity_id, state.pts, state.qts, moment, state.seq
