"""The one file that says how to reach a stack."""

from pathlib import Path

import pytest

from services.cli.connection_file import (
    KeptConnection,
    Management,
    UnusableFile,
    kept_token,
    read_connection,
    write_connection,
)


def test_a_connection_is_read_as_it_was_written(tmp_path: Path) -> None:
    """If this broke, the commands would not find the stack, or others could read its token."""
    path = tmp_path / "connection.json"
    written = KeptConnection("http://127.0.0.1:8080", "t" * 20, Management("http://127.0.0.1:15672", "u", "p"))
    write_connection(path, written)
    assert read_connection(path) == written
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_token(path, fresh="another") == written.token


def test_no_file_is_no_connection_and_no_fault(tmp_path: Path) -> None:
    """If this broke, the first start of a home would fail for want of a token."""
    assert read_connection(tmp_path / "connection.json") is None
    assert kept_token(tmp_path / "connection.json", fresh="another") == "another"


@pytest.mark.parametrize("content", ["", "[]", '{"url": "http://x"}', '{"url": 1, "token": 2, "management": 3}'])
def test_an_unusable_file_says_what_to_do(tmp_path: Path, content: str) -> None:
    """If this broke, a damaged file would end in a traceback, or no new token would be made."""
    path = tmp_path / "connection.json"
    path.write_text(content)
    with pytest.raises(UnusableFile, match="callboard up"):
        read_connection(path)
    assert kept_token(path, fresh="another") == "another"


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    """If this broke, a slip in CALLBOARD_HOME would be told as a file that cannot be read."""
    home = tmp_path / "notes.txt"
    home.write_text("not a directory")
    with pytest.raises(UnusableFile, match=r"notes\.txt is not a directory: CALLBOARD_HOME"):
        read_connection(home / "connection.json")


def test_secrets_do_not_show_themselves() -> None:
    """If this broke, a log line or a traceback would give the token and the broker's password away."""
    kept = KeptConnection("http://x", "the-token", Management("http://y", "u", "the-password"))
    assert "the-token" not in repr(kept)
    assert "the-password" not in repr(kept)
