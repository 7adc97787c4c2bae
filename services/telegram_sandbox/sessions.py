"""Ready-made sessions: login files that clients can use at once, without signing in.

A session is an authorisation key, bound to a user, written in the two forms that Telethon reads (its string and its
SQLite file), with this sandbox's address in it. Seeded sessions are derived from the sandbox's own secret and a
name, so asking twice gives the same login; all others are random.
"""

import os
from dataclasses import dataclass
from hashlib import shake_256

from telethon.crypto import AuthKey as TelethonKey
from telethon.sessions import SQLiteSession, StringSession

from services.telegram_sandbox.mtproto.keys import AuthKey, KeyRing, ServerKey
from services.telegram_sandbox.rpc.call import Place

_KEY_BYTES = 256


@dataclass(frozen=True, slots=True)
class ReadySession:
    """A login as its two files; `key_id` names it in the admin API."""

    key_id: str
    user_id: int
    string_session: str
    session_file: bytes


class SessionMint:
    """Makes ready sessions; see the module's docstring."""

    def __init__(self, keys: KeyRing, server_key: ServerKey, place: Place) -> None:
        self._keys, self._server_key, self._place = keys, server_key, place

    def fresh(self, user_id: int) -> ReadySession:
        """A new login of the user."""
        return self.written(self._keys.add(AuthKey(b"\x01" + os.urandom(_KEY_BYTES - 1), user_id)))

    def seeded(self, user_id: int, name: str) -> ReadySession:
        """The user's login of this name: the same whenever it is asked for, unless the server forgot its key."""
        derived = shake_256(self._server_key.secret + f"{user_id}/{name}".encode()).digest(_KEY_BYTES - 1)
        return self.written(self._keys.add(AuthKey(b"\x01" + derived, user_id)))

    def written(self, key: AuthKey) -> ReadySession:
        """An existing login, as files."""
        place = self._place
        string, file = StringSession(), SQLiteSession(None)
        for session in (string, file):
            session.set_dc(place.dc_id, place.address, place.port)
            session.auth_key = TelethonKey(key.key)
        file.save()
        stored = file._conn.serialize()
        file.close()
        return ReadySession(key.name, key.user_id or 0, string.save(), stored)
