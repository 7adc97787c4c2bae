"""Secrets that are made once."""

from pathlib import Path

from services.cli.kept import kept_secret, write_private


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    """If this broke, the second start could not sign in to the databases of the first."""
    path = tmp_path / "deep" / "password"
    first = kept_secret(path)
    assert len(first) >= 32
    assert kept_secret(path) == first


def test_only_the_owner_reads_a_private_file(tmp_path: Path) -> None:
    """If this broke, other users of the machine could read tokens."""
    path = tmp_path / "token"
    write_private(path, "one")
    write_private(path, "two")
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]
