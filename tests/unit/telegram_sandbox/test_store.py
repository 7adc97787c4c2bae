"""The world on disk."""

import os
import sqlite3
from pathlib import Path

import pytest

from services.telegram_sandbox.mtproto.keys import AuthKey, KeyRing
from services.telegram_sandbox.world.store import StateTooNew, Store
from services.telegram_sandbox.world.world import Speech, World


def test_everything_is_read_back_as_it_was(tmp_path: Path) -> None:
    """A restart would change the world."""
    world, keys, path = World(history=5), KeyRing(), tmp_path / "state" / "world.sqlite"
    store = Store(path, world, keys)
    ann, bob = world.add_user("Ann", "ann_the_first", "+886 900"), world.add_user("漢", bot=True)
    rooms = [
        world.add_room("supergroup", "Hall", "the_hall", [ann.id, bob.id], 7),
        world.add_room("group", "Wings", None, [ann.id, bob.id], 8),
        world.private_room(ann.id, bob.id),
    ]
    for room in rooms:
        for number in range(8):
            last = world.say(room, ann, Speech(f"{number} @ann_the_first", entities=b"\x00\xff"), 9)
            store.save()
        world.react(room, bob, last.id, "👏")
        world.delete(room, ann, [last.id - 1])
    key = keys.add(AuthKey(os.urandom(256), ann.id))
    gone = keys.add(AuthKey(os.urandom(256)))
    store.save()
    keys.kill(key, "SESSION_REVOKED")
    keys.forget(gone)
    store.close()
    read, read_keys = World(history=5), KeyRing()
    reopened = Store(path, read, read_keys)
    reopened.load()
    assert read.users == world.users
    assert read.rooms == world.rooms
    assert all(list(read.rooms[room.key].messages) == list(room.messages) for room in rooms)
    assert list(read_keys) == [key]
    assert read.named("the_hall").id == rooms[0].id
    assert read.next_message_id == world.next_message_id
    reopened.close()


def test_a_file_of_a_newer_sandbox_is_left_alone(tmp_path: Path) -> None:
    """An older sandbox would misread, and then overwrite, what a newer one wrote."""
    path = tmp_path / "world.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 99")
    db.close()
    with pytest.raises(StateTooNew, match="another state directory"):
        Store(path, World(), KeyRing())
