"""Session files: who is noticed, what is trusted, what is written back."""

import asyncio
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from telethon.crypto import AuthKey
from telethon.sessions import SQLiteSession
from telethon.tl import types

from services.node_agent.domain.accounts import SessionFile
from services.node_agent.domain.telegram import UnusableSession
from services.node_agent.store.session_files import SessionFolder
from services.node_agent.telegram.sessions import DATA_CENTRES, MOST_KNOWN, Place, load_session

KEY = b"\x01" * 256
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def state(pts: int) -> types.updates.State:
    """A place in a sequence of updates."""
    return types.updates.State(pts, 0, NOW, 0, unread_count=0)


def session_bytes(dc_id: int = 2, address: str = "203.0.113.9", key: bytes = KEY) -> bytes:
    """A Telethon session file."""
    session = SQLiteSession(None)
    session.set_dc(dc_id, address, 1234)
    session.auth_key = AuthKey(key)
    session.save()
    content: bytes = session._conn.serialize()
    session._conn.close()
    return content


def altered(*statements: str) -> bytes:
    """A session file to which something was done."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(session_bytes())
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content


def test_the_address_in_a_file_is_not_believed() -> None:
    """A hostile file would choose whom the account speaks to."""
    session = load_session(session_bytes(4, "203.0.113.9"), None)
    assert (session.dc_id, session.server_address, session.port) == (4, DATA_CENTRES[4], 443)
    assert session.auth_key.key == KEY
    sandbox = load_session(session_bytes(4), Place(2, "127.0.0.1", 8443))
    assert (sandbox.dc_id, sandbox.server_address, sandbox.port) == (2, "127.0.0.1", 8443)


def test_what_is_given_back_is_the_same_login_with_all_that_it_knows() -> None:
    """An account would no longer find its chats, or hear again what it has heard, or nothing of what it has missed."""
    session = load_session(session_bytes(), None)
    session.remember(-1001, (77, "the_hall", None, "The hall"))
    session.remember(900, (78, None, None, "Gil"))
    session.set_update_state(0, state(pts=40))
    session.set_update_state(1, state(pts=5))
    assert session.changes == 4
    again = load_session(session.content(), None)
    assert again.auth_key.key == KEY and again.changes == 0
    assert again.get_entity_rows_by_username("The_Hall") == (-1001, 77)
    assert (again.name_of(900), again.username_of(-1001)) == ("Gil", "the_hall")
    assert {entity: (kept.pts, kept.date) for entity, kept in again.get_update_states()} == {
        0: (40, NOW),
        1: (5, datetime.fromtimestamp(0, UTC)),
    }
    file = sqlite3.connect(":memory:")
    file.deserialize(session.content())
    assert file.execute("select version from version").fetchall() == [(8,)]
    file.close()


def test_nothing_changes_when_the_same_is_learnt_again() -> None:
    """A file would be written every minute for each of a thousand accounts that nobody speaks to."""
    session = load_session(session_bytes(), None)
    for _ in range(2):
        session.remember(900, (78, None, None, "Gil"))
        session.set_update_state(0, state(pts=40))
        session.set_update_state(1, state(pts=5))
    assert session.changes == 3


def test_a_name_is_not_a_username() -> None:
    """Whoever calls himself by the name of a chat would be sent what is meant for the chat."""
    session = load_session(session_bytes(), None)
    session.remember(900, (78, None, 4917000000, "@the_hall"))
    for key in ("@the_hall", "+4917000000"):
        with pytest.raises(ValueError):
            session.get_input_entity(key)


def test_people_are_forgotten_in_their_order_and_chats_never() -> None:
    """A busy chat would fill the memory, or the account would forget how to speak in its own chats."""
    session = load_session(session_bytes(), None)
    session.remember(-1001, (77, "the_hall", None, "The hall"))
    for user_id in range(1, MOST_KNOWN + 10):
        session.remember(user_id, (1, f"user_{user_id}", None, "U"))
    assert session.name_of(5) is None and session.get_entity_rows_by_username("user_5") is None
    assert session.name_of(MOST_KNOWN + 9) == "U" and session.username_of(-1001) == "the_hall"


def test_a_session_of_an_older_schema_is_upgraded_in_the_copy() -> None:
    """Files of older Telethons are what operators have."""
    old = altered("alter table sessions drop column tmp_auth_key", "update version set version = 7")
    assert load_session(old, None).auth_key.key == KEY


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no SQLite database"),
        (b"1BVtsOK8Bu", "no SQLite database"),
        (session_bytes()[:3000], "damaged"),
        (altered("delete from sessions"), "0 logins"),
        (altered("update sessions set auth_key = x'00'"), "no login"),
        (altered("update sessions set auth_key = zeroblob(256)"), "no login"),
        (altered("update sessions set dc_id = 9"), "data centre 9"),
        (altered("drop table sessions"), "damaged or of another program"),
        (altered("insert into update_state values (0, 1, 1, 9223372036854775807, 1)"), "damaged or of another program"),
        (
            altered("insert into update_state values (0, 1, 1, -9223372036854775808, 1)"),
            "damaged or of another program",
        ),
        (altered("insert into sessions values (3, 'x', 1, x'00', null, null)"), "2 logins"),
    ],
)
def test_a_file_that_is_no_login_is_refused_with_the_reason(content: bytes, why: str) -> None:
    """Without a reason an operator cannot tell a half-copied file from a wrong one."""
    with pytest.raises(UnusableSession, match=why):
        load_session(content, None)


async def test_only_files_that_are_named_like_accounts_are_accounts(tmp_path: Path) -> None:
    """Journals, notes and odd names must not become accounts."""
    for name in ("anna.session", "anna.session-journal", "a b.session", "notes.txt", "+49170.session"):
        (tmp_path / name).touch()
    assert sorted(await SessionFolder(tmp_path).present()) == ["+49170", "anna"]


async def test_the_agents_own_writing_is_no_change(tmp_path: Path) -> None:
    """An agent that takes its own saving for a new file would reconnect every minute."""
    path = tmp_path / "anna.session"
    path.write_bytes(b"first")
    folder = SessionFolder(tmp_path)
    _, file = await folder.read("anna")
    assert await folder.write("anna", b"second", file)
    assert (await folder.present())["anna"] == file and path.stat().st_mode & 0o777 == 0o600
    assert await folder.write("anna", b"third", file)
    assert path.read_bytes() == b"third"


async def test_a_look_in_the_middle_of_the_agents_own_writing_sees_no_change(tmp_path: Path) -> None:
    """The account would be taken for a new login and started again: a dead one tried twice, a living one cut off."""
    path = tmp_path / "anna.session"
    path.write_bytes(b"first")
    folder = SessionFolder(tmp_path)
    _, file = await folder.read("anna")
    writing = asyncio.create_task(_write_often(folder, file))
    seen = set()
    while not writing.done():
        seen.add((await folder.present())["anna"])
    await writing
    assert seen == {file}


async def _write_often(folder: SessionFolder, file: SessionFile) -> None:
    for number in range(200):
        assert await folder.write("anna", b"%d" % number, file)


async def test_a_file_that_somebody_replaced_is_not_written_over(tmp_path: Path) -> None:
    """The operator's new login would be lost to the old one's state."""
    path = tmp_path / "anna.session"
    path.write_bytes(b"first")
    folder = SessionFolder(tmp_path)
    _, file = await folder.read("anna")
    path.write_bytes(b"somebody's")
    os.utime(path, ns=(1, 1))
    assert (await folder.present())["anna"] != file
    assert not await folder.write("anna", b"second", file)
    path.unlink()
    assert not await folder.write("anna", b"second", file)
    assert not path.exists()
