"""Logins at rest: AES-256-GCM under a key that is not in the database.

The key is derived (HKDF-SHA256) from the content of `CALLBOARD_SECRETS_KEY_FILE`, or without one from
`CALLBOARD_SECRET`. A sealed login opens only for the server that it was sealed for. A form byte stands first, so that
another way of sealing can come beside this one. Nothing here ever puts a secret into an error.
"""

import json
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from services.deployer.domain.logins import AgentLogin, KeyLogin, Login, PasswordLogin, kind_of
from services.deployer.domain.server_problems import ServerProblem, Trouble

_FORM = b"\x01"
# 96 bits at random, as GCM wants them; a fleet seals some thousands of logins, far from where two could meet.
_NONCE_BYTES = 12
_PURPOSE = b"callboard deployer: logins of servers"

_UNREADABLE = ServerProblem(
    Trouble.LOGIN_UNREADABLE,
    "the stored login was sealed with another secret: bring the deployer's former CALLBOARD_SECRET "
    "(or CALLBOARD_SECRETS_KEY_FILE) back, or remove the server and add it again with its login",
)


def key_material(secret: SecretStr, key_file: Path | None) -> bytes:
    """What the key is derived from. Raises OSError or ValueError for a file that is no key."""
    if key_file is None:
        return secret.get_secret_value().encode()
    content = key_file.read_bytes().strip()
    if len(content) < 16:
        raise ValueError(f"{key_file} holds fewer than 16 bytes: put a long random text there")
    return content


class SealedLogins:
    """Seals and opens logins. It keeps the derived key only."""

    def __init__(self, material: bytes) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(material)
        self._cipher = AESGCM(derived)

    def seal(self, server_id: str, login: Login) -> bytes:
        """What may be stored."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORM + nonce + self._cipher.encrypt(nonce, _written(login), _bound_to(server_id))

    def open(self, server_id: str, sealed: bytes) -> Login | ServerProblem:
        """The login, or that it was sealed with another secret or for another server."""
        if sealed[:1] != _FORM:
            return _UNREADABLE
        nonce, content = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return _read(self._cipher.decrypt(nonce, content, _bound_to(server_id)))
        except (InvalidTag, ValueError):
            return _UNREADABLE


def _bound_to(server_id: str) -> bytes:
    return _FORM + server_id.encode()


def _written(login: Login) -> bytes:
    match login:
        case KeyLogin(private_key, passphrase):
            fields = {"private_key": private_key, "passphrase": passphrase}
        case PasswordLogin(password):
            fields = {"password": password}
        case AgentLogin():
            fields = {}
    return json.dumps({"kind": kind_of(login), **fields}).encode()


def _read(content: bytes) -> Login:
    fields = json.loads(content)
    match fields.pop("kind"):
        case "key":
            return KeyLogin(**fields)
        case "password":
            return PasswordLogin(**fields)
        case _:
            return AgentLogin()
