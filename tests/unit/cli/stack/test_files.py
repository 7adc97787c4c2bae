"""The files of a home: connection, lock, session files."""

import sqlite3
from pathlib import Path

import pytest

from services.cli.embedded.broker import Management
from services.cli.stack.connection import Connection, NoConnection, kept_token, read_connection, write_connection
from services.cli.stack.demo_world import demo_seed, login_key
from services.cli.stack.lock import AlreadyUp, only_stack_of


def test_a_connection_is_read_as_it_was_written(tmp_path: Path) -> None:
    """If this broke, the commands would not find the stack, or others could read its token."""
    path = tmp_path / "connection.json"
    written = Connection("http://127.0.0.1:8080", "t" * 20, Management("http://127.0.0.1:15672", "u", "p"))
    write_connection(path, written)
    assert read_connection(path) == written
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_token(path, fresh="another") == written.token


@pytest.mark.parametrize("content", [None, "", "[]", '{"url": "http://x"}', '{"url": 1, "token": 2, "management": 3}'])
def test_an_unusable_connection_says_what_to_do(tmp_path: Path, content: str | None) -> None:
    """If this broke, a damaged file would end in a traceback, or no new token would be made."""
    path = tmp_path / "connection.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NoConnection, match="callboard up"):
        read_connection(path)
    assert kept_token(path, fresh="another") == "another"


def test_a_second_stack_on_one_home_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """If this broke, two stacks would write into the same databases."""
    lock = tmp_path / "up.lock"
    with (
        only_stack_of(lock),
        pytest.raises(AlreadyUp, match=r"already up in .* \(process \d+\)"),
        only_stack_of(lock),
    ):
        pass
    with only_stack_of(lock):
        pass


def test_the_demo_world_has_three_accounts_for_each_node() -> None:
    """If this broke, the demo would show fewer accounts than it promises, or none in the chat."""
    seed = demo_seed(["demo-a", "demo-b"])
    assert [(row["prefix"], row["count"]) for row in seed["accounts"]] == [("demo_a", 3), ("demo_b", 3)]
    assert all(row["chats"] == [seed["chats"][0]["username"]] for row in seed["accounts"])


def test_a_damaged_session_file_has_no_key(tmp_path: Path) -> None:
    """If this broke, one damaged file would keep the stack from starting instead of being replaced."""
    path = tmp_path / "a.session"
    path.write_bytes(b"not a database at all")
    assert login_key(path) is None
    path.unlink()
    database = sqlite3.connect(path)
    database.execute("create table sessions (auth_key blob)")
    database.execute("insert into sessions values (x'0102')")
    database.commit()
    database.close()
    assert login_key(path) == b"\x01\x02"
