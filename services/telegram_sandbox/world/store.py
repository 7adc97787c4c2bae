"""The world on disk: one SQLite file in the state directory, so that logins outlive a restart.

`load` fills an empty world and key ring; `save` writes what they list as changed, in one transaction, and is
called after every call that changed something, before the answer leaves. Writes skip fsync: a killed process loses
nothing, a power cut may lose the last seconds, which a sandbox can bear.
"""

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

from services.telegram_sandbox.mtproto.keys import AuthKey, KeyRing
from services.telegram_sandbox.world.models import Message, Room, User
from services.telegram_sandbox.world.world import World

_SCHEMA = """
create table if not exists documents (
    kind text not null, name text not null, place integer not null, body text not null,
    primary key (kind, name)
) without rowid;
"""
_VERSION = 1


class StateTooNew(Exception):
    """The file was written by a newer sandbox."""


class Store:
    """See the module's docstring."""

    def __init__(self, path: Path, world: World, keys: KeyRing) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._world, self._keys = world, keys
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = off")
        version = self._db.execute("pragma user_version").fetchone()[0]
        if version > _VERSION:
            self._db.close()
            raise StateTooNew(f"{path} was written by a newer sandbox; use another state directory")
        self._db.executescript(_SCHEMA + f"pragma user_version = {_VERSION};")

    def load(self) -> None:
        """Read everything back."""
        for body in self._bodies("user"):
            self._world.restore_user(User(**body))
        histories: dict[str, list[Message]] = {}
        for body in self._bodies("message"):
            histories.setdefault(body.pop("room"), []).append(_message(body))
        for body in self._bodies("room"):
            room = Room(**{**body, "members": _int_keys(body["members"]), "messages": {}})
            room.messages = {message.id: message for message in histories.get(room.key, [])}
            self._world.restore_room(room)
        for body in self._bodies("key"):
            self._keys.add(AuthKey(bytes.fromhex(body["key"]), body["user_id"], body["dead"]))
        self._keys.changed.clear()

    def save(self) -> None:
        """Write what has changed since the last call."""
        if not self._world.changed and not self._keys.changed:
            return
        self._db.execute("begin")
        for kind, name in self._world.changed:
            self._write(kind, name, *self._document(kind, name))
        for name in self._keys.changed:
            key = self._keys.named(name)
            body = {"key": key.key.hex(), "user_id": key.user_id, "dead": key.dead} if key else None
            self._write("key", name, 0, body)
        self._db.execute("commit")
        self._world.changed.clear()
        self._keys.changed.clear()

    def close(self) -> None:
        """Write the rest and close the file."""
        self.save()
        self._db.close()

    def _document(self, kind: str, name: str) -> tuple[int, dict[str, Any] | None]:
        """The row's place in its order, and its body; None where the thing is gone."""
        if kind == "user":
            return int(name), asdict(self._world.users[int(name)])
        if kind == "room":
            room = self._world.rooms[name]
            body = {field: getattr(room, field) for field in Room.__slots__ if field != "messages"}
            return room.id, body
        key, _, number = name.rpartition("/")
        message = self._world.rooms[key].messages.get(int(number))
        if message is None:
            return int(number), None
        plain = {"entities": message.entities.hex(), "mentions": sorted(message.mentions), "room": key}
        return message.id, {**asdict(message), **plain}

    def _write(self, kind: str, name: str, place: int, body: dict[str, Any] | None) -> None:
        if body is None:
            self._db.execute("delete from documents where kind = ? and name = ?", (kind, name))
            return
        row = (kind, name, place, json.dumps(body, separators=(",", ":"), ensure_ascii=False))
        self._db.execute("insert or replace into documents values (?, ?, ?, ?)", row)

    def _bodies(self, kind: str) -> list[dict[str, Any]]:
        rows = self._db.execute("select body from documents where kind = ? order by place", (kind,))
        return [json.loads(body) for (body,) in rows]


def _message(body: dict[str, Any]) -> Message:
    restored = {
        "entities": bytes.fromhex(body["entities"]),
        "mentions": set(body["mentions"]),
        **{name: _int_keys(body[name]) for name in ("reactions", "born", "changes")},
    }
    return Message(**{**body, **restored})


def _int_keys(body: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in body.items()}
