"""Logins at rest."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.deployer.domain.logins import AgentLogin, KeyLogin, Login, PasswordLogin
from services.deployer.domain.server_problems import ServerProblem, Trouble
from services.deployer.key_ring import KeyRing
from services.deployer.secrets import SealedLogins

SECRET = b"the secret of the tests"


def vault_of(secret: bytes) -> SealedLogins:
    """The vault of a deployer with this secret."""
    return SealedLogins(KeyRing(secret), secret)


VAULT = vault_of(SECRET)
LOGINS = [KeyLogin("a key", "its passphrase"), KeyLogin("a key"), PasswordLogin("planted"), AgentLogin()]


@pytest.mark.parametrize("login", LOGINS, ids=lambda login: type(login).__name__)
def test_a_login_comes_back_as_it_was(login: Login) -> None:
    """Nobody could log in any more after a restart."""
    assert vault_of(SECRET).open("tokyo-1", VAULT.seal("tokyo-1", login)) == login


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
        "other form": b"\x01" + sealed[1:],
    }.get(change, sealed)
    vault = vault_of(b"another secret of the tests") if change == "other secret" else VAULT
    opened = vault.open("osaka-1" if change == "other server" else "tokyo-1", changed)
    assert isinstance(opened, ServerProblem)
    assert opened.trouble == Trouble.LOGIN_UNREADABLE
    assert "CALLBOARD_SECRET" in opened.detail


def test_a_login_says_nothing_when_it_is_printed() -> None:
    """A traceback would show the password to whoever reads logs."""
    for login in (KeyLogin("planted", "planted"), PasswordLogin("planted")):
        assert "planted" not in repr(login)


def test_what_was_sealed_before_there_were_master_keys_is_read() -> None:
    """After the upgrade no server could be reached any more."""
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"callboard deployer: logins of servers").derive(SECRET)
    nonce = b"n" * 12
    content = b'{"kind": "password", "password": "planted"}'
    sealed = b"\x01" + nonce + AESGCM(key).encrypt(nonce, content, b"\x01tokyo-1")
    assert VAULT.open("tokyo-1", sealed) == PasswordLogin("planted")
    assert isinstance(VAULT.open("osaka-1", sealed), ServerProblem)
