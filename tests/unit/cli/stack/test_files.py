"""The files of a home: lock, session files."""

import sqlite3
from pathlib import Path

import pytest

from services.cli.failures import CommandFailed, ExitCode
from services.cli.stack.demo_world import demo_seed, login_key
from services.cli.stack.lock import only_stack_of


def test_a_second_stack_on_one_home_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """If this broke, two stacks would write into the same databases."""
    lock = tmp_path / "up.lock"
    with (
        only_stack_of(lock),
        pytest.raises(CommandFailed, match=r"already up in .* \(process \d+\)"),
        only_stack_of(lock),
    ):
        pass
    with only_stack_of(lock):
        pass


@pytest.mark.parametrize("place", ["notes.txt", "notes.txt/below"])
def test_a_home_that_cannot_be_is_the_operators_slip(tmp_path: Path, place: str) -> None:
    """If this broke, `--home notes.txt` would be called a fault of Callboard."""
    (tmp_path / "notes.txt").write_text("a file")
    with (
        pytest.raises(CommandFailed, match=r"cannot be Callboard's home: .*--home") as failed,
        only_stack_of(tmp_path / place / "up.lock"),
    ):
        pass
    assert failed.value.code is ExitCode.USAGE


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
