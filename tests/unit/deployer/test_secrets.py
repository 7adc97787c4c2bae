"""Logins at rest."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.deployer.domain.logins import AgentLogin, KeyLogin, Login, PasswordLogin
from services.deployer.domain.server_problems import ServerProblem, Trouble
from services.deployer.secrets import SealedLogins, key_material

VAULT = SealedLogins(b"the secret of the tests")
LOGINS = [KeyLogin("a key", "its passphrase"), KeyLogin("a key"), PasswordLogin("planted"), AgentLogin()]


@pytest.mark.parametrize("login", LOGINS, ids=lambda login: type(login).__name__)
def test_a_login_comes_back_as_it_was(login: Login) -> None:
    """Nobody could log in any more after a restart."""
    assert SealedLogins(b"the secret of the tests").open("tokyo-1", VAULT.seal("tokyo-1", login)) == login


def test_the_same_login_is_never_sealed_alike() -> None:
    """A copy of the database would tell which servers share a password."""
    assert VAULT.seal("a", PasswordLogin("x")) != VAULT.seal("a", PasswordLogin("x"))
    assert b"planted" not in VAULT.seal("a", PasswordLogin("planted"))


@pytest.mark.parametrize("change", ["other secret", "other server", "one bit", "cut", "empty", "other form"])
def test_what_is_not_as_it_was_sealed_is_not_opened(change: str) -> None:
    """A row that somebody put beside another server would log in there with its neighbour's password."""
    sealed = VAULT.seal("tokyo-1", PasswordLogin("planted"))
    changed = {
        "one bit": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "cut": sealed[:9],
        "empty": b"",
        "other form": b"\x02" + sealed[1:],
    }.get(change, sealed)
    vault = SealedLogins(b"another secret of the tests") if change == "other secret" else VAULT
    opened = vault.open("osaka-1" if change == "other server" else "tokyo-1", changed)
    assert isinstance(opened, ServerProblem)
    assert opened.trouble == Trouble.LOGIN_UNREADABLE
    assert "CALLBOARD_SECRET" in opened.detail


def test_a_login_says_nothing_when_it_is_printed() -> None:
    """A traceback would show the password to whoever reads logs."""
    for login in (KeyLogin("planted", "planted"), PasswordLogin("planted")):
        assert "planted" not in repr(login)


def test_the_key_comes_from_its_file_or_from_the_secret(tmp_path: Path) -> None:
    """A deployer with an empty key file would seal with nothing."""
    secret = SecretStr("secret-of-the-tests")
    assert key_material(secret, None) == b"secret-of-the-tests"
    file = tmp_path / "key"
    file.write_text("a long random text of its own\n")
    assert key_material(secret, file) == b"a long random text of its own"
    file.write_text("short\n")
    with pytest.raises(ValueError, match="fewer than 16"):
        key_material(secret, file)
